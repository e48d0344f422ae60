"""Makes a Django project with openwisp-radius in it, for benchmarks/radius.py; runs in that package's own environment.

    PYTHON openwisp_project.py FOLDER USERS

SQLite, its default settings and password hash, and users who each have a one-time RADIUS token. The last line printed
is JSON: the organisation's id and API token, and the users with their RADIUS tokens.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

SETTINGS = """
from pathlib import Path
BASE_DIR = Path(__file__).parent
SECRET_KEY = "a benchmark's"
DEBUG = False
ALLOWED_HOSTS = ["*"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
INSTALLED_APPS = [
    "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.messages",
    "django.contrib.staticfiles", "django.contrib.humanize", "openwisp_users.accounts", "django.contrib.sites",
    "allauth", "allauth.account", "allauth.socialaccount", "django_extensions", "openwisp_users", "openwisp_radius",
    "openwisp_utils.admin_theme", "admin_auto_filters", "django.contrib.admin", "private_storage", "rest_framework",
    "django_filters", "rest_framework.authtoken", "dj_rest_auth", "dj_rest_auth.registration", "drf_yasg",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware", "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "OPTIONS": {
        "loaders": ["django.template.loaders.filesystem.Loader", "openwisp_utils.loaders.DependencyLoader",
                    "django.template.loaders.app_directories.Loader"],
        "context_processors": ["django.template.context_processors.request",
                               "django.contrib.auth.context_processors.auth",
                               "django.contrib.messages.context_processors.messages"],
    },
}]
ROOT_URLCONF = "urls"
AUTH_USER_MODEL = "openwisp_users.User"
AUTHENTICATION_BACKENDS = ("openwisp_users.backends.UsersAuthenticationBackend",)
SITE_ID = 1
STATIC_URL = "/static/"
MEDIA_ROOT = BASE_DIR / "media"
PRIVATE_STORAGE_ROOT = BASE_DIR / "private"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = True
OPENWISP_RADIUS_FREERADIUS_ALLOWED_HOSTS = ["127.0.0.1"]
CELERY_TASK_ALWAYS_EAGER = True
CELERY_BROKER_URL = "memory://"
"""
URLS = 'from django.urls import include, path\nurlpatterns = [path("", include("openwisp_radius.urls"))]\n'
WSGI = "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n"


def main() -> None:
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    folder.mkdir(parents=True)
    for name, text in (("settings.py", SETTINGS), ("urls.py", URLS), ("wsgi.py", WSGI)):
        (folder / name).write_text(text, encoding="utf-8")
    sys.path.insert(0, str(folder))
    os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
    import django  # noqa: PLC0415  (only where it is installed)

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    from django.contrib.auth import get_user_model  # noqa: PLC0415
    from openwisp_radius.models import OrganizationRadiusSettings, RadiusToken  # noqa: PLC0415
    from openwisp_users.models import Organization, OrganizationUser  # noqa: PLC0415

    organisation, _ = Organization.objects.get_or_create(name="bench", slug="bench")
    radius, _ = OrganizationRadiusSettings.objects.get_or_create(organization=organisation)
    users = []
    for n in range(count):
        user = get_user_model().objects.create_user(username=f"user-{n}", email=f"{n}@example.org", password=f"of {n}")
        OrganizationUser.objects.create(organization=organisation, user=user)
        token = RadiusToken.objects.create(user=user, organization=organisation, can_auth=True)
        users.append((user.username, token.key))
    print(json.dumps({"uuid": str(organisation.pk), "token": radius.token, "users": users}))


if __name__ == "__main__":
    main()
