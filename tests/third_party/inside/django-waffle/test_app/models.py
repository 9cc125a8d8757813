"""Models that take the places of django-waffle's own, and a user that belongs to a company."""

from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import models
from waffle.models import AbstractBaseSample, AbstractBaseSwitch, AbstractUserFlag


class Company(models.Model):
    name = models.CharField(max_length=100)


class CompanyUser(AbstractBaseUser):
    company = models.ForeignKey(Company, on_delete=models.CASCADE)
    username = models.CharField(max_length=100)

    USERNAME_FIELD = "username"


class CompanyAwareFlag(AbstractUserFlag):
    companies = models.ManyToManyField(Company, blank=True)

    def is_active_for_user(self, user: Any) -> bool | None:
        # The middleware's visitor may be anonymous, who works for no company.
        company = getattr(user, "company_id", None)
        if company is not None and self.companies.filter(pk=company).exists():
            return True
        return super().is_active_for_user(user)


class CustomSwitch(AbstractBaseSwitch):
    pass


class CustomSample(AbstractBaseSample):
    pass
