"""No addresses: nothing is served."""

urlpatterns: list[object] = []
