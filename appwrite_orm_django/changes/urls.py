"""
The URL of the webhook endpoint, ``webhook/``.

Include it with ``path("appwrite/", include("appwrite_orm_django.changes.urls"))``.
"""

from django.urls import path

from appwrite_orm_django.changes.webhooks import webhook

app_name = "appwrite"
urlpatterns = [path("webhook/", webhook, name="webhook")]
