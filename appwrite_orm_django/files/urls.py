"""The URLs that serve files through Django: include them where ``URLS`` is ``"django"``."""

from django.urls import path

from appwrite_orm_django.files.views import serve_file

app_name = "appwrite_files"

urlpatterns = [
    path("<str:alias>/<str:bucket>/<str:kind>/<path:name>", serve_file, name="file"),
]
