"""Spanish and Brazilian Portuguese: what is special in them, in the letters and in their language packs."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from streams.core.events import DateRange
from streams.core.money import Money
from streams.templating import wording
from streams.templating.catalogue import load_catalogue
from streams.templating.lint import judge_words
from streams.templating.lint.language import packs
from streams.templating.renderer import CatalogueRenderer, choose_locale
from streams.templating.samples import read_sample

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
CATALOGUE = load_catalogue(TEMPLATES)
LOCALES = ("es", "pt_BR")
WEEK = DateRange(from_=date(2026, 11, 24), by=date(2026, 11, 27))
DAY = DateRange(from_=date(2026, 11, 28), by=date(2026, 11, 28))


def locale_of(tag):
    return wording.parse_locale(tag), CATALOGUE.phrases[choose_locale(CATALOGUE.phrases, tag)]


@pytest.mark.parametrize(
    ("tag", "number", "said"),
    [
        ("es", 1, "1 artículo"),
        ("es", 0, "0 artículos"),
        ("es", 2, "2 artículos"),
        ("es", 1_000_000, "1.000.000 de artículos"),
        ("es_MX", 1_000, "1,000 artículos"),
        ("pt_BR", 0, "0 item"),
        ("pt_BR", 1, "1 item"),
        ("pt_BR", 2, "2 itens"),
        ("pt_BR", 1_000_000, "1.000.000 de itens"),
    ],
)
def test_counts(tag, number, said):
    """A million takes its "de", zero is singular in Brazil, and digits follow the customer's country."""
    locale, phrases = locale_of(tag)

    assert wording.count(number, phrases.pieces, locale) == said


@pytest.mark.parametrize(
    ("tag", "days", "said"),
    [
        ("es", WEEK, "entre el martes 24 de noviembre y el viernes 27 de noviembre"),
        ("es_MX", DAY, "el sábado 28 de noviembre"),
        ("pt_BR", WEEK, "entre terça-feira, 24 de novembro, e sexta-feira, 27 de novembro"),
        ("pt_BR", DAY, "em 28 de novembro (sábado)"),
    ],
)
def test_days(tag, days, said):
    """Spanish puts the article before both days; Portuguese avoids one, for Saturday and Friday differ in gender."""
    locale, phrases = locale_of(tag)

    assert wording.prose_range(days, locale, phrases) == said


@pytest.mark.parametrize(
    ("tag", "currency", "said"),
    [
        ("es", "EUR", "9,90 €"),
        ("es_MX", "MXN", "$9.90"),
        ("es_US", "USD", "$9.90"),
        ("pt_BR", "BRL", "R$ 9,90"),
    ],
)
def test_money(tag, currency, said):
    """Money is written as in the customer's country, with the words of the language."""
    locale, _ = locale_of(tag)

    assert (
        wording.money(Money(minor=990, currency=currency), locale).replace("\N{NO-BREAK SPACE}", " ") == said
    )


def test_a_reader_in_mexico_gets_spanish_words_and_mexican_digits():
    """``es_MX`` has no words of its own."""
    path = TEMPLATES / "late_delivery" / "samples" / "typical.json"

    mail = CatalogueRenderer(CATALOGUE).render(read_sample(path, "late_delivery", "es_MX"))

    assert mail.subject == "Su pedido ORD-1001 llega tarde"
    assert "lo que pagó por el envío: USD" in mail.text.replace("\N{NO-BREAK SPACE}", " ")
    assert 'lang="es-MX"' in mail.html


@pytest.mark.parametrize("locale", LOCALES)
def test_our_own_words_stand(locale):
    """No finding at all, not even a warning, in any message."""
    found = [
        finding
        for message in CATALOGUE.messages.values()
        for finding in judge_words(message.words[locale], locale, message.card)
    ]

    assert found == []


@pytest.mark.parametrize("locale", LOCALES)
def test_every_rule_that_reads_english_reads_this_language(locale):
    """A rule without words in a pack would say nothing and look content."""
    english, ours = packs()["en"].rules, packs()[locale].rules

    for what in ("forbidden", "required"):
        assert {name for name, words in english.items() if getattr(words, what)} <= {
            name for name, words in ours.items() if getattr(words, what)
        }


# For each rule a sentence that it finds, and one that looks alike and is fine.
SENTENCES = {
    "es": {
        "one_apology": ("Lo sentimos, pero el paquete no llegó.", "Lo sentimos: no cumplimos."),
        "subject_names_problem": ("Novedades sobre su pedido", "Su pedido {order.id} llega tarde"),
        "takes_responsibility": ("No somos responsables del retraso.", "Somos responsables del retraso."),
        "repair_started": ("Le enviaremos otra cuando recibamos la taza.", "Ya le enviamos otra."),
        "one_next_step": ("Responda a este correo o llámenos.", "Responda y nosotros hacemos el resto."),
        "honest_dates": ("Le llegará en 3-5 días hábiles.", "Lo seguimos todos los días."),
        "named_person": ("No responda a este correo.", "Responda a este correo y lo leeré yo."),
        "no_blame": ("El transportista perdió su paquete.", "Entregue la caja al transportista."),
        "no_agentless_passive": ("Se cometieron errores.", "Se lo estamos enviando de nuevo."),
        "no_inconvenience": ("Disculpe las molestias.", "No le molestaremos más."),
        "no_empty_promise": ("Haremos todo lo posible.", "Le prometimos su pedido para el viernes."),
        "no_begging": ("Denos otra oportunidad.", "Le pedimos disculpas."),
        "no_marketing": ("¡Gracias!", "No es publicidad."),
        "no_customer_effort": ("Imprima la etiqueta.", "No tiene que imprimir nada."),
        "no_pressure": ("Está obligado a devolverlo.", "No está obligado a devolverlo."),
        "no_minimizers": ("Hay un pequeño retraso.", "Una taza pequeña de color verde."),
        "no_hedges": ("Debería llegar el martes.", "Su pedido ya debería estar con usted."),
        "no_officialese": ("Procederemos a efectuar el reembolso.", "Le escribiremos el mismo día."),
        "no_presumed_thanks": ("Gracias por su paciencia.", "Gracias por avisarnos."),
    },
    "pt_BR": {
        "one_apology": ("Pedimos desculpas, mas o pacote não chegou.", "Pedimos desculpas: não cumprimos."),
        "subject_names_problem": ("Novidades sobre seu pedido", "Seu pedido {order.id} está atrasado"),
        "takes_responsibility": ("Não somos responsáveis pelo atraso.", "Somos responsáveis pelo atraso."),
        "repair_started": ("Enviaremos outra quando recebermos a caneca.", "Já enviamos outra."),
        "one_next_step": ("Responda a este e-mail ou ligue.", "Responda e nós cuidamos do resto."),
        "honest_dates": ("Chega em 3 a 5 dias úteis.", "Estamos acompanhando todos os dias."),
        "named_person": ("Não responda a este e-mail.", "Responda a este e-mail e quem lê sou eu."),
        "no_blame": ("A transportadora perdeu seu pacote.", "Entregue a caixa na transportadora."),
        "no_agentless_passive": ("Houve um atraso.", "O erro foi nosso."),
        "no_inconvenience": ("Desculpe o transtorno.", "Não vamos mais incomodar você."),
        "no_empty_promise": ("Isso não vai se repetir.", "Você não vai receber mais este recado."),
        "no_begging": ("Dê-nos outra chance.", "Sentimos muito."),
        "no_marketing": ("Use o cupom VOLTE10.", "Não é publicidade."),
        "no_customer_effort": ("Ligue para 0800 123 456.", "Não precisa ligar."),
        "no_pressure": ("Você é obrigado a devolver.", "Você não é obrigado a devolver."),
        "no_minimizers": ("Um probleminha na entrega.", "Uma caneca pequena e verde."),
        "no_hedges": ("Deve chegar na terça-feira.", "O que você pediu já deve estar com você."),
        "no_officialese": ("Ficamos à disposição.", "Responda a este e-mail."),
        "no_presumed_thanks": ("Agradecemos a compreensão.", "Obrigada por contar para nós."),
    },
}


def found(locale, rule, sentence):
    return [
        one.pattern
        for one in packs()[locale].of(rule).forbidden
        if re.search(one.pattern, sentence, re.IGNORECASE)
        and not (one.unless and re.search(one.unless, sentence, re.IGNORECASE))
    ]


@pytest.mark.parametrize(
    ("locale", "rule", "bad", "good"),
    [(locale, rule, *pair) for locale, rules in SENTENCES.items() for rule, pair in rules.items()],
)
def test_a_pack_tells_the_bad_sentence_from_its_look_alike(locale, rule, bad, good):
    """A word list that cannot tell these two apart would be switched off within a week."""
    assert found(locale, rule, bad)
    assert not found(locale, rule, good)
