from django.urls import include, path

urlpatterns = [
    path("files/", include("appwrite_orm_django.files.urls")),
    # The page of a 404 names its pages.
    path("", include("testproject.world.urls")),
]
