"""A rendered mail that still knows the pieces its HTML was joined from."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import force_setattr

from streams.pipeline.ports import Image, RenderedMail


class WovenMail(RenderedMail, frozen=True, kw_only=True, dict=True):
    """A mail with ``html_pieces`` beside ``html``, for whoever encodes it; they are no field, and no part of its JSON.

    Most of a page is the same in every mail, piece by piece the same object, and need not be encoded a
    thousand times (:mod:`streams.mail.compose`).
    """

    @property
    def html_pieces(self) -> tuple[str, ...]:
        """Return the parts of ``html``, in order."""
        pieces: tuple[str, ...] = self.__dict__.get("pieces", (self.html,))
        return pieces

    @classmethod
    def of(
        cls,
        html: Sequence[str],
        *,
        subject: str,
        preheader: str,
        text: str,
        template_version: str,
        images: tuple[Image, ...] = (),
        opt_out: str = "",
        own_subject: bool = False,
    ) -> WovenMail:
        """Return the mail whose HTML is joined from these pieces."""
        mail = cls(
            subject=subject,
            preheader=preheader,
            text=text,
            html="".join(html),
            template_version=template_version,
            images=images,
            opt_out=opt_out,
            own_subject=own_subject,
        )
        force_setattr(mail, "pieces", tuple(html))
        return mail
