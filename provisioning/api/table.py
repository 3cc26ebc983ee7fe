"""All endpoints, in the order in which paths are tried."""

from __future__ import annotations

from provisioning.api import calls, carriers, catalogue, decks, money, numbers, people, services, tariffs

ENDPOINTS = (
    *(endpoint for noun in catalogue.NOUNS for endpoint in noun.endpoints()),
    *(endpoint for noun in tariffs.NOUNS for endpoint in noun.endpoints()),
    *tariffs.OVERRIDES,
    *(endpoint for noun in carriers.NOUNS for endpoint in noun.endpoints()),
    *carriers.EXCHANGE,
    *(endpoint for noun in services.NOUNS for endpoint in noun.endpoints()),
    *numbers.ENDPOINTS,
    *decks.ENDPOINTS,
    *money.ENDPOINTS,
    *calls.ENDPOINTS,
    *people.ENDPOINTS,
)
