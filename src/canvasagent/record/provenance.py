"""What a saved picture says about how it was made: an XMP packet with the IPTC digital source type.

The type follows from the picture's lineage and from the backends that made pixels. Nothing is
known about input pictures, so an input that is returned unchanged gets no type. Tools that read, find or
segment make no pixels of a picture and don't count. See http://cv.iptc.org/newscodes/digitalsourcetype/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from xml.sax.saxutils import escape

from canvasagent.canvas import Kind
from canvasagent.errors import InputError
from canvasagent.imaging.pictures import save_picture
from canvasagent.record.model import AssetRecord
from canvasagent.record.trajectory import Trajectory

VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
NAMESPACE = "https://github.com/canvasagent/canvasagent/ns/1.0/"
"""Of the properties that no standard has: run, policy, profile, seed, asset."""

PAINTING_TOOLS = ("ImageGeneration", "ImageEdit", "SR")
"""Tools that may create pixels; the others move, cut and join existing ones."""
MAX_HISTORY = 100
"""Steps that the packet lists; a JPEG holds 64 KB of XMP."""

_FINGERPRINT = re.compile(r"(?P<tool>[^@]*)@(?P<version>[^:]*):(?P<backend>.*)@(?P<own>[^@+]*)\+[0-9a-f]*")
_BUILT_IN = re.compile(r"[a-z]+/[a-z_]+")
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class SourceType(StrEnum):
    """The terms of the IPTC vocabulary that a run can lead to."""

    TRAINED = "trainedAlgorithmicMedia"
    EDITED_BY_MODEL = "compositeWithTrainedAlgorithmicMedia"
    COMPOSITE_WITH_TRAINED = "compositeSynthetic"
    ALGORITHMIC = "algorithmicMedia"
    ALTERED = "algorithmicallyEnhanced"
    COMPOSITE = "composite"
    DATA = "dataDrivenMedia"

    @property
    def uri(self) -> str:
        """The term as the standard writes it."""
        return VOCABULARY + self.value


SOURCE_WORDS: dict[SourceType, str] = {
    SourceType.TRAINED: "created by a generative model",
    SourceType.EDITED_BY_MODEL: "edited by a generative model",
    SourceType.COMPOSITE_WITH_TRAINED: "put together of parts, at least one of them created by a generative model",
    SourceType.ALGORITHMIC: "drawn by an algorithm, without a generative model",
    SourceType.ALTERED: "a given picture, changed by algorithms, without a generative model",
    SourceType.COMPOSITE: "put together of parts, without a generative model",
    SourceType.DATA: "a mask: data about a picture",
}


@dataclass(frozen=True, slots=True)
class Origins:
    """The sources of a picture's pixels."""

    parts: frozenset[str] = frozenset()
    """Ids of input pictures; `drawn` for what an algorithm drew; `trained` for what a model created."""
    edited_by_model: bool = False
    joined: bool = False
    """Whether pictures were combined."""


def backend_name(fingerprint: str) -> str:
    """The backend in a fingerprint: `lite/crop` of `Crop@1:lite/crop@1+44136f`. The fingerprint if it has none."""
    match = _FINGERPRINT.fullmatch(fingerprint)
    return match["backend"] if match else fingerprint


def is_generative(tool: str, fingerprint: str) -> bool:
    """Whether a backend creates pixels with a trained model.

    A built-in backend says so itself (`generative = True` or False on its class). If it does not, those of
    `lite` count as algorithms, and any other backend of a painting tool as a model, so that no result lacks the mark.
    """
    if tool not in PAINTING_TOOLS:
        return False
    backend = backend_name(fingerprint)
    declared = None
    if _BUILT_IN.fullmatch(backend):
        try:
            module = import_module(f"canvasagent.backends.{backend.replace('/', '.')}")
            declared = getattr(module.Backend, "generative", None)
        except (ImportError, AttributeError):
            declared = None
    # When in doubt, mark the picture: a missing mark misleads, an unnecessary one does not.
    return declared if isinstance(declared, bool) else not backend.startswith("lite/")


def lineage(records: Iterable[AssetRecord], name: str) -> list[AssetRecord]:
    """An asset and all its ancestors, in the order in which they were made."""
    known = {record.id: record for record in records}
    wanted, visited = [name], set[str]()
    while wanted:
        record = known.get(wanted.pop())
        if record is not None and record.id not in visited:
            visited.add(record.id)
            wanted += record.lineage.parents if record.lineage is not None else []
    return [record for record in known.values() if record.id in visited]


def origins(records: Iterable[AssetRecord], name: str) -> Origins:
    """The sources of an asset's pixels, traced back to the input pictures."""
    known: dict[str, AssetRecord] = {}
    made: dict[str, Origins] = {}
    for record in lineage(records, name):
        known[record.id] = record
        made[record.id] = _origins(record, known, made)
    return made.get(name, Origins())


def _origins(record: AssetRecord, known: dict[str, AssetRecord], made: dict[str, Origins]) -> Origins:
    if record.lineage is None:
        return Origins(frozenset({record.id}))
    tool = record.lineage.tool
    generative = is_generative(tool, record.lineage.backend)
    if tool == "ImageGeneration":
        return Origins(frozenset({"trained" if generative else "drawn"}))
    # A mask selects pixels and contributes none.
    parents = [made[name] for name in record.lineage.parents if name in made and known[name].kind is not Kind.MASK]
    parts = frozenset[str]().union(*(parent.parts for parent in parents))
    if tool == "Overlayer" and record.lineage.arguments.get("overlay_type") == "text":
        parts |= {"drawn"}
    return Origins(
        parts=parts,
        edited_by_model=generative or any(parent.edited_by_model for parent in parents),
        joined=tool == "Overlayer" or any(parent.joined for parent in parents),
    )


def source_type(trajectory: Trajectory, name: str) -> SourceType | None:
    """The digital source type of an asset; None for an input picture, of which nothing is known."""
    record = trajectory.record_of(name)
    if record.lineage is None:
        return None
    if record.kind is Kind.MASK:
        return SourceType.DATA
    made_of = origins(trajectory.assets, name)
    parts = made_of.parts
    if parts == {"trained"}:
        return SourceType.TRAINED
    if made_of.edited_by_model:
        return SourceType.EDITED_BY_MODEL
    if "trained" in parts:
        return SourceType.COMPOSITE_WITH_TRAINED
    if parts == {"drawn"}:
        return SourceType.ALGORITHMIC
    return SourceType.COMPOSITE if made_of.joined else SourceType.ALTERED


def xmp_packet(trajectory: Trajectory, name: str) -> bytes:
    """The XMP packet of an asset: its steps, backends and run."""
    steps = [record for record in lineage(trajectory.assets, name) if record.lineage is not None]
    source = source_type(trajectory, name)
    models = sorted(
        {
            backend_name(step.lineage.backend)
            for step in steps
            if step.lineage is not None and is_generative(step.lineage.tool, step.lineage.backend)
        }
    )
    software = f"CanvasAgent {trajectory.canvasagent}"
    properties = [("xmp:CreatorTool", software)]
    if source is not None:
        properties.append(("Iptc4xmpExt:DigitalSourceType", source.uri))
    if models:
        properties.append(("Iptc4xmpExt:AISystemUsed", ", ".join(models)))
    properties += [
        ("canvasagent:Run", trajectory.id),
        ("canvasagent:Asset", name),
        ("canvasagent:Policy", trajectory.policy),
        ("canvasagent:Profile", trajectory.profile),
        ("canvasagent:Seed", str(trajectory.seed)),
        ("canvasagent:Created", trajectory.created),
    ]
    lines = [f"<{tag}>{_text(value)}</{tag}>" for tag, value in properties]
    return _PACKET.format(properties="\n   ".join(lines), history=_history(steps, software)).encode("utf-8")


def save_final(trajectory: Trajectory, path: str | Path) -> None:
    """Save the run's result with its provenance; the format is that of the ending, the colour profile is kept.

    Raises `InputError` if the run has no picture as its result, the ending is unknown, or the format cannot
    keep the result's transparency; `StorageError` if it cannot be read or written.
    """
    picture = trajectory.final_picture
    if picture is None or trajectory.final is None:
        raise InputError(f"run {trajectory.id} has no picture as its result, so there is nothing to save.")
    save_picture(picture, Path(path), xmp=xmp_packet(trajectory, trajectory.final))


def _history(steps: list[AssetRecord], software: str) -> str:
    """The steps as an xmpMM:History, limited to the latest `MAX_HISTORY`."""
    items = [_step(step, software) for step in steps[-MAX_HISTORY:]]
    return "\n     ".join(items)


def _step(step: AssetRecord, software: str) -> str:
    assert step.lineage is not None
    action = "created" if step.lineage.tool == "ImageGeneration" else "edited"
    came = f" from {', '.join(step.lineage.parents)}" if step.lineage.parents else ""
    return (
        '<rdf:li rdf:parseType="Resource">'
        f"<stEvt:action>{action}</stEvt:action>"
        f"<stEvt:softwareAgent>{_text(f'{software} ({step.lineage.backend[:120]})')}</stEvt:softwareAgent>"
        f"<stEvt:parameters>{_text(f'{step.id} by {step.lineage.tool}{came}')}</stEvt:parameters>"
        "</rdf:li>"
    )


def _text(value: str) -> str:
    """`value` as XML text: escaped, without characters that XML cannot hold, of bounded length."""
    return escape(_NOT_XML.sub("\ufffd", value[:500]))


_PACKET = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"
    xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmlns:canvasagent="{NAMESPACE}">
   {{properties}}
   <xmpMM:History>
    <rdf:Seq>
     {{history}}
    </rdf:Seq>
   </xmpMM:History>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""
