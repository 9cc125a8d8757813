from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

admin.site.site_header = "World catalogue"
admin.site.site_title = "World catalogue"
admin.site.index_title = "Tables"

urlpatterns = [
    path("admin/", admin.site.urls),
    # Browsers ask for it on the admin's pages, which name no icon.
    path("favicon.ico", RedirectView.as_view(url=static("world/icon.svg"))),
    path("", include("testproject.world.urls")),
]
