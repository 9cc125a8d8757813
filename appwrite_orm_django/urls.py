"""``path("appwrite/", include("appwrite_orm_django.urls"))``: the endpoint for webhooks, at ``appwrite/webhook/``."""

from django.urls import path

from appwrite_orm_django.webhooks import webhook

app_name = "appwrite"
urlpatterns = [path("webhook/", webhook, name="webhook")]
