"""The families of SketchQA by name. To add one, write its compose and draw functions and list it in its subject."""

from __future__ import annotations

from . import language, natural, physics, social
from .example import Family


FAMILIES: dict[str, Family] = {
    family.name: family for family in (*natural.FAMILIES, *physics.FAMILIES, *social.FAMILIES, *language.FAMILIES)
}
