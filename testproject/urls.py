from django.contrib import admin
from django.urls import include, path

admin.site.site_header = "World catalogue"
admin.site.site_title = "World catalogue"
admin.site.index_title = "Tables"

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("testproject.world.urls")),
]
