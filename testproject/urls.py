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
    # Where Appwrite tells of other clients' writes, if the settings have a secret for it.
    path("appwrite/", include("appwrite_orm_django.changes.urls")),
    # Pictures, where browsers cannot reach the server that has them.
    path("files/", include("appwrite_orm_django.files.urls")),
    path("", include("testproject.world.urls")),
]
