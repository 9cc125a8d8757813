"""``path("appwrite/", include("appwrite_orm_django.changes.urls"))``: the endpoint for webhooks, at ``appwrite/webhook/``."""

from django.urls import path

from appwrite_orm_django.changes.webhooks import webhook

app_name = "appwrite"
urlpatterns = [path("webhook/", webhook, name="webhook")]
