"""Which file and column means what: the published Olist layout, or a ``mapping.toml`` in the folder.

A ``mapping.toml`` looks like this; only ``orders``, ``order_id`` and ``placed`` must be there::

    source = "shop/eu"              # the source named in every event; default: csv_history
    zone = "Europe/Berlin"          # of times without an offset; default: America/Sao_Paulo
    country = "DE"                  # where no column says it
    locale = "de-DE"
    currency = "EUR"
    carrier = "DHL"
    delimiter = ";"                 # default: ,
    time_format = "%d.%m.%Y %H:%M"  # default: ISO 8601, with or without offset
    day_format = "%d.%m.%Y"         # of promised days; default: the date in an ISO 8601 text

    [orders]
    file = "orders.csv"             # or orders.csv.gz
    [orders.columns]
    order_id = "Order No"
    placed = "Created"
    approved = "Paid"
    shipped = "Handed over"
    delivered = "Delivered"
    promised = "Promised"           # also: ship_by customer_id email name locale zone country

    [lines]                         # optional: one row per article
    file = "lines.csv"
    [lines.columns]
    order_id = "Order No"
    sku = "Article"                 # also: line_id title quantity unit_price currency shipping_paid ship_by

    [customers]                     # optional: joined by customer_id
    file = "customers.csv"
    [customers.columns]
    customer_id = "Customer No"     # also: email name city region postal_code country locale zone
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from streams.problems import InputProblem

MAPPING = "mapping.toml"


class OrderColumns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Columns of the orders table, one row per order."""

    order_id: str
    placed: str
    approved: str | None = None
    shipped: str | None = None
    delivered: str | None = None
    promised: str | None = None
    ship_by: str | None = None
    customer_id: str | None = None
    email: str | None = None
    name: str | None = None
    locale: str | None = None
    zone: str | None = None
    country: str | None = None


class LineColumns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Columns of the table of lines, one row per article (``shipping_paid`` adds up over an order)."""

    order_id: str
    sku: str
    line_id: str | None = None
    title: str | None = None
    quantity: str | None = None
    unit_price: str | None = None
    currency: str | None = None
    shipping_paid: str | None = None
    ship_by: str | None = None


class CustomerColumns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Columns of the table of customers, one row per customer id of the orders table."""

    customer_id: str
    email: str | None = None
    name: str | None = None
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None
    locale: str | None = None
    zone: str | None = None


class OrderTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The orders table."""

    file: str
    columns: OrderColumns


class LineTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table of lines."""

    file: str
    columns: LineColumns
    optional: bool = False


class CustomerTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table of customers."""

    file: str
    columns: CustomerColumns
    optional: bool = False


class Layout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that must be known about a folder of tables."""

    orders: OrderTable
    lines: LineTable | None = None
    customers: CustomerTable | None = None
    source: str = "csv_history"
    zone: str | None = None
    country: str | None = None
    locale: str | None = None
    currency: str | None = None
    carrier: str | None = None
    delimiter: str = ","
    time_format: str | None = None
    day_format: str | None = None


OLIST = Layout(
    country="BR",
    locale="pt-BR",
    currency="BRL",
    orders=OrderTable(
        file="olist_orders_dataset.csv",
        columns=OrderColumns(
            order_id="order_id",
            customer_id="customer_id",
            placed="order_purchase_timestamp",
            approved="order_approved_at",
            shipped="order_delivered_carrier_date",
            delivered="order_delivered_customer_date",
            promised="order_estimated_delivery_date",
        ),
    ),
    lines=LineTable(
        file="olist_order_items_dataset.csv",
        optional=True,
        columns=LineColumns(
            order_id="order_id",
            line_id="order_item_id",
            sku="product_id",
            unit_price="price",
            shipping_paid="freight_value",
            # Becomes known with the approval, not at purchase: it stands in payment.approved.
            ship_by="shipping_limit_date",
        ),
    ),
    customers=CustomerTable(
        file="olist_customers_dataset.csv",
        optional=True,
        columns=CustomerColumns(
            customer_id="customer_id",
            city="customer_city",
            region="customer_state",
            postal_code="customer_zip_code_prefix",
        ),
    ),
)


def layout_of(folder: Path) -> Layout:
    """Return the layout that ``mapping.toml`` describes, or Olist's when there is none.

    Raises:
        InputProblem: ``mapping-invalid``: the file is not TOML, or does not say what it must.
    """
    file = folder / MAPPING
    if not file.is_file():
        return OLIST
    try:
        return _checked(msgspec.convert(tomllib.loads(file.read_text("utf-8")), Layout))
    except (tomllib.TOMLDecodeError, ValueError, msgspec.ValidationError, ZoneInfoNotFoundError) as error:
        raise InputProblem(
            "mapping-invalid",
            "the mapping of columns cannot be understood",
            where=str(file),
            why=str(error),
            hint="`firstword explain csv_history` shows a complete one",
        ) from error


def _checked(layout: Layout) -> Layout:
    if len(layout.delimiter) != 1 or layout.delimiter in '\r\n"':
        raise ValueError("`delimiter` must be one character, and no quote or end of line")
    zone_named(layout.zone or "UTC")
    return layout


def zone_named(name: str) -> ZoneInfo:
    """Return the IANA zone ``name``.

    Raises:
        ZoneInfoNotFoundError: there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ValueError, OSError) as error:  # an absolute path, a folder of the database, a NUL
        raise ZoneInfoNotFoundError(f"No time zone found with key {name[:64]}") from error
