"""All endpoints, in the order in which paths are tried."""

from __future__ import annotations

from provisioning.api import (
    billing,
    calls,
    carriers,
    catalogue,
    deck_tries,
    decks,
    exports,
    money,
    numbers,
    people,
    records,
    reratings,
    services,
    site_files,
    tariffs,
    templates,
    watching,
)

ENDPOINTS = (
    *(endpoint for noun in catalogue.NOUNS for endpoint in noun.endpoints()),
    catalogue.DOCTOR,
    *(endpoint for noun in tariffs.NOUNS for endpoint in noun.endpoints()),
    *watching.ENDPOINTS,
    *tariffs.OVERRIDES,
    *(endpoint for noun in carriers.NOUNS for endpoint in noun.endpoints()),
    *carriers.EXCHANGE,
    *(endpoint for noun in services.NOUNS for endpoint in noun.endpoints()),
    *numbers.ENDPOINTS,
    *decks.ENDPOINTS,
    *deck_tries.ENDPOINTS,
    *templates.ENDPOINTS,
    *money.ENDPOINTS,
    *billing.ENDPOINTS,
    *reratings.ENDPOINTS,
    *calls.ENDPOINTS,
    *exports.ENDPOINTS,
    *records.ENDPOINTS,
    *site_files.ENDPOINTS,
    *people.ENDPOINTS,
)
