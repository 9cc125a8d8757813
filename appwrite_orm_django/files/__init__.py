"""Files on Appwrite's storage: what ``appwrite_orm_django.storage`` is made of."""
