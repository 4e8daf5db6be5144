"""The families of SketchQA by name. To add one, write its compose and draw functions and list it in its subject."""

from __future__ import annotations

from . import language, natural, physics, social, words
from .example import Family


FAMILIES: dict[str, Family] = {
    family.name: family for family in (*natural.FAMILIES, *physics.FAMILIES, *social.FAMILIES, *language.FAMILIES)
}
# Without options. They are not among those that SketchQA draws from by itself.
FREE_FAMILIES: dict[str, Family] = {family.name: family for family in words.FAMILIES}
ALL_FAMILIES = FAMILIES | FREE_FAMILIES
