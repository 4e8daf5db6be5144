"""The models behind the stages of a repository."""

from collections.abc import Iterator, Mapping

from transformers import PreTrainedModel


ROOT_FOLDER = "."


class StageModels(Mapping):
    """Stage -> model that is ready for it. `config.stages` says which of three layouts a repository has:

    - a model for each stage, one of them at the root;
    - one model at the root for several stages;
    - no stage at the root: there lies a base, loaded once, and each stage is an adapter on it (needs `peft`). Taking a
      stage's model out switches the base to its adapter, so use it before you take the next.

    Args:
        root: the model at the repository's root; the others are loaded from where it came from, on the Hub from the
            same revision.
        models: of stages that are loaded already.
    """

    def __init__(self, root: PreTrainedModel, models: Mapping[str, PreTrainedModel] | None = None):
        self.root = root
        self.folders = dict(root.config.stages)
        self.has_adapters = ROOT_FOLDER not in self.folders.values()
        self._models = dict(models or {})
        for stage in self.folders:
            if stage not in self._models:
                self._models[stage] = self._load(self.folders[stage])

    def _load(self, folder: str) -> PreTrainedModel:
        if folder == ROOT_FOLDER:
            return self.root
        name, where = self.root.name_or_path, {"subfolder": folder, **self.root.origin}
        if not self.has_adapters:
            return type(self.root).from_pretrained(name, dtype=self.root.dtype, **where)
        if folder not in getattr(self.root, "peft_config", {}):
            self.root.load_adapter(name, adapter_name=folder, adapter_kwargs=where)
        return self.root

    def __getitem__(self, stage: str) -> PreTrainedModel:
        model = self._models[stage]
        if self.has_adapters and model is self.root:
            model.set_adapter(self.folders[stage])
        return model

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)
