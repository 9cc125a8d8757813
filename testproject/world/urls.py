from django.urls import path

from testproject.world import views

app_name = "world"

urlpatterns = [
    path("", views.HomeView.as_view(), name="home"),
    path("countries/", views.CountryList.as_view(), name="country-list"),
    path("countries/<str:pk>/", views.CountryDetail.as_view(), name="country-detail"),
    path("subdivisions/", views.SubdivisionList.as_view(), name="subdivision-list"),
    path("subdivisions/<str:pk>/", views.SubdivisionDetail.as_view(), name="subdivision-detail"),
    path("languages/", views.LanguageList.as_view(), name="language-list"),
    path("languages/<str:pk>/", views.LanguageDetail.as_view(), name="language-detail"),
    path("currencies/", views.CurrencyList.as_view(), name="currency-list"),
    path("currencies/<str:pk>/", views.CurrencyDetail.as_view(), name="currency-detail"),
    path("scripts/", views.ScriptList.as_view(), name="script-list"),
    path("scripts/<str:pk>/", views.ScriptDetail.as_view(), name="script-detail"),
    path("former-countries/", views.FormerCountryList.as_view(), name="formercountry-list"),
    path(
        "former-countries/<str:pk>/",
        views.FormerCountryDetail.as_view(),
        name="formercountry-detail",
    ),
]
