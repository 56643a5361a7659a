"""What was found in a network, told: in words, in JSON types, as rows of a table."""

from typing import Any

import numpy as np

from flatchannels.inspection.certificate import Certificate
from flatchannels.inspection.evidence import Evidence, GroupEvidence
from flatchannels.inspection.structure import Group, LayerStructure


def finite(value: Any) -> Any:
    """The same JSON with null for numbers that JSON lacks: NaN and infinities.

    Parameters
    ----------
    value : JSON types

    Returns
    -------
    JSON types
    """
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def layer_json(layer: LayerStructure, name: str, found: tuple[GroupEvidence, ...]) -> dict[str, Any]:
    """One hidden layer in JSON types.

    Parameters
    ----------
    layer : LayerStructure
    name : str
    found : tuple of GroupEvidence
        What data say about its groups, () without data.

    Returns
    -------
    dict
    """
    told = [evidence_json(one) for one in found] or [{}] * len(layer.groups)
    return {
        "layer": layer.layer, "name": name, "neurons": layer.neurons,
        "groups": [group_json(group) | more for group, more in zip(layer.groups, told)],
        "duplicates": [list(pair) for pair in layer.duplicates], "dead": list(layer.dead),
        "parallel": [list(pair) for pair in layer.parallel], "antiparallel": [list(pair) for pair in layer.antiparallel],
    }  # fmt: skip


def group_json(group: Group) -> dict[str, Any]:
    """One group in JSON types: with one output sum is a number and direction a vector, with several a vector and a matrix.

    Parameters
    ----------
    group : Group

    Returns
    -------
    dict
    """
    one = len(group.sum) == 1
    return {
        "neurons": list(group.neurons), "kind": group.kind, "signs": list(group.signs), "epsilon": group.epsilon, "cosine": group.cosine,
        "outputs": (group.outputs[:, 0] if one else group.outputs).tolist(), "center": group.center.tolist(),
        "sum": float(group.sum[0]) if one else group.sum.tolist(),
        "direction": (group.direction[0] if one else group.direction).tolist(),
        "cancellation": group.cancellation, "dimension": group.dimension,
    }  # fmt: skip


def evidence_json(found: GroupEvidence) -> dict[str, Any]:
    """What data say about one group, in JSON types.

    Parameters
    ----------
    found : GroupEvidence or None
        What data say.

    Returns
    -------
    dict
    """
    return {"loss_change_limit": found.limit_change, "loss_change_merged": found.merged_change, "h": found.h, "slope": found.slope}


def data_json(found: Evidence) -> dict[str, Any]:
    """What data say about the whole network, in JSON types.

    Parameters
    ----------
    found : Evidence

    Returns
    -------
    dict
    """
    ends = found.spectrum
    return {
        "loss_name": found.loss_name, "samples": found.samples, "loss": found.loss, "gradient_norm": found.gradient_norm,
        "hessian_min": ends and ends.smallest, "hessian_max": ends and ends.largest,
        "hessian_resolution": ends and ends.resolution,
    }  # fmt: skip


def certificate_json(found: Certificate) -> dict[str, Any]:
    """A certificate in JSON types.

    Parameters
    ----------
    found : Certificate

    Returns
    -------
    dict
    """
    return vars(found) | {"h": list(found.h), "epsilon": list(found.epsilon)}


def group_row(layer: int, group: Group, found: GroupEvidence | None) -> dict[str, Any]:
    """One row of the table of groups.

    Parameters
    ----------
    layer : int
        From 1.
    group : Group
    found : GroupEvidence or None
        What data say.

    Returns
    -------
    dict
    """
    return {
        "layer": layer, "neurons": group.neurons, "kind": group.kind, "epsilon": group.epsilon, "cosine": group.cosine,
        "cancellation": group.cancellation, "strength": float(np.linalg.norm(group.outputs, axis=1).sum()),
        "sum": group.sum, "direction": group.direction.tolist(), "dimension": group.dimension,
    } | (evidence_json(found) if found else {})  # fmt: skip


def layer_in_words(layer: LayerStructure, name: str, found: tuple[GroupEvidence, ...]) -> list[str]:
    """A line for the layer, and one for each thing in it.

    Parameters
    ----------
    layer : LayerStructure
    name : str
    found : tuple of GroupEvidence

    Returns
    -------
    list of str
    """
    lines = [f"hidden layer {layer.layer} ({name}), {layer.neurons} neurons: {_counted(layer)}"]
    for number, group in enumerate(layer.groups):
        lines.append(f"  {_group_in_words(group)}")
        lines += [f"    {_evidence_in_words(found[number])}"] if found else []
    lines += [f"  duplicates: neurons {i} and {j}, a plateau saddle if the loss is at rest" for i, j in layer.duplicates]
    return lines + [f"  dead: neuron {i}" for i in layer.dead]


def data_in_words(found: Evidence) -> list[str]:
    """Loss, gradient and spectrum.

    Parameters
    ----------
    found : Evidence

    Returns
    -------
    list of str
    """
    lines = [f"on {found.samples} samples: loss ({found.loss_name}) {found.loss:.6g}, largest gradient component {found.gradient_norm:.3g}"]
    if ends := found.spectrum:
        known = f"resolved to {ends.resolution:.1g}" if np.isfinite(ends.resolution) else "estimates: Lanczos iterations did not converge"
        lines.append(f"Hessian eigenvalues from {ends.smallest:.3g} to {ends.largest:.4g} ({known})")
    return lines


def certificate_in_words(found: Certificate) -> str:
    """The verdict in a line.

    Parameters
    ----------
    found : Certificate

    Returns
    -------
    str
    """
    infinity = "" if found.loss_infinity is None else f"loss at infinity {found.loss_infinity:.10g}"
    if found.verdict == "certified":
        slopes = f"h = {', '.join(f'{h:.3g}' for h in found.h)}" if found.h else ""
        return ", ".join(filter(None, [f"certified: {found.route} leads to a minimum at infinity", infinity, slopes]))
    details = [f"route {found.route}" if found.route else "", infinity if found.verdict == "turns back" else ""]
    return ", ".join(filter(None, [f"certificate: {found.verdict}", found.reason, *details]))


def _counted(layer: LayerStructure) -> str:
    counts = {
        "channel group": len(layer.groups), "pair of duplicates": len(layer.duplicates), "dead neuron": len(layer.dead),
        "parallel pair outside of groups": len(layer.parallel), "antiparallel pair": len(layer.antiparallel),
    }  # fmt: skip
    plural = {"pair of duplicates": "pairs of duplicates", "parallel pair outside of groups": "parallel pairs outside of groups"}
    shown = [f"{n} {name if n == 1 else plural.get(name, name + 's')}" for name, n in counts.items() if n]
    return ", ".join(shown) or "nothing found"


def _group_in_words(group: Group) -> str:
    neurons = ", ".join(f"{'−' if sign < 0 else ''}{n}" for n, sign in zip(group.neurons, group.signs))
    strength = float(np.linalg.norm(group.outputs, axis=1).sum())
    gate = float(np.linalg.norm(group.direction))
    return (
        f"channel: {group.kind} of neurons {neurons}, ε = {group.epsilon:.3g}, Σ|a| = {strength:.3g}, |Σ a| = "
        f"{np.linalg.norm(group.sum):.3g}; at infinity c σ(w·x) + (v·x) σ'(w·x) with |v| = {gate:.3g}"
    )


def _evidence_in_words(found: GroupEvidence) -> str:
    words = {"to infinity": "the loss falls towards infinity", "back": "the loss rises towards infinity", "at rest": "at rest at this ε"}
    h = f", h = {found.h:.3g}, ∂L/∂ε² = {found.slope:.3g}: {words[found.heading]}" if found.heading else ""
    return f"loss {found.limit_change:+.3g} with its limit, {found.merged_change:+.3g} with its merged neuron{h}"
