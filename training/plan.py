"""Which models a recipe trains, what each learns, and where in the repository it ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..configuration import LoraArguments, Recipe, RecipeError, StageArguments
from ..configuration.recipe import ONE_STAGE
from ..modeling_mmcot.stage_records_mmcot import CHAIN, RATIONALE, STAGES
from .origin import Origin


BOTH, JOINT = "both", "joint"


@dataclass(frozen=True)
class Plan:
    """What a recipe comes to.

    Args:
        models: by name, in the order in which they are trained, the stages that each learns.
        has_adapters: whether the repository is a base with an adapter for each model, not whole models.
        merges_adapters: whether adapters are trained that end in whole models.
    """

    models: Mapping[str, tuple[str, ...]]
    has_adapters: bool
    merges_adapters: bool

    def folder(self, model: str) -> str:
        """A model's folder in the repository: that of its first stage, or beside a base one of its own name."""
        return model if self.has_adapters else STAGES[self.models[model][0]].folder

    @property
    def stages(self) -> dict[str, str]:
        """Folder of each stage, as `MMCoTConfig.stages` wants it."""
        return {stage: self.folder(model) for model, stages in self.models.items() for stage in stages}


def make_plan(recipe: Recipe, origin: Origin | None = None) -> Plan:
    """The plan of a recipe.

    Args:
        origin: what it goes on from, see [`mmcot.training.origin.find_origin`].

    Raises:
        RecipeError: where a model's best checkpoint is to be chosen by a score that it does not have, and for an
            origin that does not have what is to be trained.
    """
    models = planned_models(recipe)
    shared = origin is None or shares_base(recipe, models, origin)
    merges = recipe.lora is not None and merges_adapters(recipe.lora, shared, recipe)
    plan = Plan(models, has_adapters=recipe.lora is not None and not merges, merges_adapters=merges)
    for model, stages in plan.models.items():
        check_best_score(model, stages, recipe.training[model])
    return plan


def shares_base(recipe: Recipe, models: Mapping[str, Sequence[str]], origin: Origin) -> bool:
    """Whether all models of a recipe that do not follow another one start from the same."""
    follows = {name for name in models if recipe.training[name].start_from == RATIONALE and name != RATIONALE}
    return len({origin.folder(stages) for name, stages in models.items() if name not in follows}) == 1


def merges_adapters(lora: LoraArguments, shared: bool, recipe: Recipe) -> bool:
    """Whether adapters are added to their models at the end: as the recipe says, or where these are not the same."""
    if shared:
        return bool(lora.merge)
    key = "lora.merge: false" if lora.merge is False else "model.quantization" if recipe.model.quantization else ""
    if key:
        raise RecipeError(
            f"{key} is for adapters on one base, but {recipe.model.origin} has a model of its own for each stage. "
            "Leave it out; the run then ends with whole models."
        )
    return True


def check_best_score(model: str, stages: Sequence[str], arguments: StageArguments) -> None:
    """Refuses now what the Trainer would refuse when it has evaluated the model for the first time."""
    chosen, scores = arguments.metric_for_best_model, ["loss"]
    scores += dict.fromkeys(score for name in stages for score in STAGES[name].scores)
    if chosen is None or arguments.eval_strategy == "no" or chosen.removeprefix("eval_") in scores:
        return
    raise RecipeError(f"{model}.metric_for_best_model is {chosen!r}; use one of {', '.join(scores)} for this model.")


def planned_models(recipe: Recipe) -> dict[str, tuple[str, ...]]:
    """The models with their stages. Those that a single one follows belong to it: an earlier run has trained them."""
    if recipe.formats:
        return {ONE_STAGE: (recipe.formats,)}
    if recipe.mode == JOINT:
        return {JOINT: CHAIN}
    last = CHAIN[-1] if recipe.mode == BOTH else recipe.mode
    return {stage: (stage,) for stage in CHAIN[: CHAIN.index(last) + 1]}
