"""The texts of all options as one tree: read in one step, they share what they have in common."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .folder import ExportedStage
from .graphs import GraphFiles, ReadPrompt
from .running_rows import TokenOrder


# Numbers in the logits of a tree, for all prompts that are read together.
TREE_AT_ONCE = 32_000_000


@dataclass
class OptionTree:
    """Texts as paths through a tree of tokens, from the token that every text starts with.

    Args:
        ids: tokens of the nodes, parents before their children, `(nodes,)`.
        order: how they stand to each other.
        paths: of each text the nodes that it goes through; from each of them it goes on to the next token.
        texts: the tokens of each, without the first.
        children: of each node, which node follows on which token.
    """

    ids: np.ndarray
    order: TokenOrder
    paths: list[list[int]]
    texts: list[list[int]]
    children: list[dict[int, int]]


def grow_tree(start: int, texts: Sequence[Sequence[int]]) -> OptionTree:
    """The tree of some texts.

    Args:
        start: the token before all of them.
        texts: tokens of each. The last is never read, only predicted.
    """
    ids, parents, paths = [start], [-1], []
    children: list[dict[int, int]] = [{}]
    for text in texts:
        path = [0]
        for token in text[:-1]:
            node = children[path[-1]].get(token)
            if node is None:
                node = children[path[-1]][token] = len(ids)
                ids.append(token)
                parents.append(path[-1])
                children.append({})
            path.append(node)
        paths.append(path)
    depth, seen = np.zeros(len(ids), np.int64), np.eye(len(ids), dtype=bool)
    for node, parent in enumerate(parents[1:], 1):
        depth[node] = depth[parent] + 1
        seen[node] |= seen[parent]
    return OptionTree(np.array(ids), TokenOrder(depth, seen), paths, [list(text) for text in texts], children)


def path_probabilities(tree: OptionTree, logits: np.ndarray) -> np.ndarray:
    """Logarithms of how probable each text is, `(rows, texts)`.

    Args:
        logits: after each node, `(rows, nodes, vocabulary)`.
    """
    largest = logits.max(-1)
    totals = largest + np.log(np.exp(logits - largest[..., None]).sum(-1))  # (rows, nodes)
    sums = [
        (logits[:, path, text] - totals[:, path]).sum(-1) for path, text in zip(tree.paths, tree.texts, strict=True)
    ]
    return np.stack(sums, -1)


def likeliest_path(tree: OptionTree, best: np.ndarray, ends: Sequence[int], longest: int) -> list[int] | None:
    """The text that greedy decoding writes, where it stays within the tree to its end; else `None`.

    Args:
        best: the likeliest token after each node.
        ends: tokens that end a text.
        longest: tokens that a text may have.
    """
    node, text = 0, []
    while True:
        token = int(best[node])
        text.append(token)
        if token in ends or len(text) == longest:
            return text
        if token not in tree.children[node]:
            return None
        node = tree.children[node][token]


def read_tree(
    tree: OptionTree, stage: ExportedStage, files: GraphFiles, prompts: Sequence[ReadPrompt]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Reads all options after each of some prompts; what was read of a prompt is not copied for them.

    Args:
        prompts: a whole batch, in its order.

    Yields:
        For each prompt the logarithms of how probable each text is, and the likeliest token after each node.
    """
    step, states = stage.graphs["step"], prompts[0].states
    assert step is not None
    nodes, width = len(tree.ids), states[0].shape[2]
    rows = max(1, TREE_AT_ONCE // (nodes * stage.vocabulary))
    for start in range(0, len(prompts), rows):
        lengths = np.array([prompt.length for prompt in prompts[start : start + rows]])
        count = len(lengths)
        # A cache of one slot, in which nobody looks.
        empty = np.zeros((count, stage.heads, 1, stage.key_size), np.float32)
        depth = tree.order.depth
        distance = np.pad(depth[:, None] - depth, ((0, 0), (1, 0)))
        seen = np.pad(tree.order.seen, ((0, 0), (1, 0)))
        feeds = {
            "ids": np.tile(tree.ids, (count, 1)),
            "distance": np.tile(distance, (count, 1, 1)),
            "slot_mask": np.tile(seen, (count, 1, 1)),
            "text_mask": np.arange(width) < lengths[:, None],
        }
        for place, each in enumerate(states):
            name = f"{'kv'[place % 2]}_{place // 2}"
            feeds |= {f"past_{name}": empty, f"cross_{name}": each[start : start + count]}
        (logits,) = files.open(step).run(["logits"], feeds)
        yield from zip(path_probabilities(tree, logits), logits.argmax(-1), strict=True)
