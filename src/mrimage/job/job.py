"""A Job says what to do. A Plan adds where, and is all that a task needs to know."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import msgspec

from mrimage.errors import UsageError, brief
from mrimage.image.example_set import ExampleSet
from mrimage.image.network import Network
from mrimage.job.columns import check_own_columns, taken_names
from mrimage.job.edit_facts import Watermark, describe_edits, require_one_size
from mrimage.job.fields import (
    JOB_FIELDS,
    ORIGINALS,
    RULE_OPTIONS,
    check_fields,
    require_instance,
)
from mrimage.job.functions import describe_function
from mrimage.job.keywords import checks_constructor
from mrimage.job.model_fields import MODEL
from mrimage.job.own_extractor import OwnExtractor
from mrimage.job.places import absolute as absolute
from mrimage.job.rules import Rule, rules_of
from mrimage.job.run_options import RunOptions as RunOptions
from mrimage.job.statistic import Statistic
from mrimage.mappers.keys import check_keys, reads_content
from mrimage.storage.settings import StoreSettings
from mrimage.tables.column_types import Columns
from mrimage.types import Edits, Limits

if TYPE_CHECKING:
    from mrimage.image import Image, Metadata
    from mrimage.rounds.round import Program
    from mrimage.sink.output import Output
Value = Any
"""A record's value: plain data (None, bool, int, float, str, bytes, datetime, list or dict), but
never pixels."""

Mapper = Callable[["Image"], Iterable[tuple[str, Value]]]
"""A generator function: ``image -> (key, value)`` pairs."""

Combiner = Callable[[str, Iterable[Value]], Iterable[Value]]
"""``(key, values) -> fewer values``. It runs zero or more times inside one map task."""

Reducer = Callable[[str, Iterator[Value]], Iterable["Output"]]
"""A generator function that runs once per key: ``(key, values) -> outputs``. The values are a
stream, sorted by image."""

Each = Callable[["Image", str, Value], Any]
"""``(image, key, statistic) -> result`` for each image of a group: ``Edits``, an ``Output``, pixels,
or None for no output."""

EditsFunction = Callable[[str, "Metadata"], Edits | None]
"""``(key, metadata) -> edits`` of an image under the key; None for no output."""


MODEL_FIELDS = tuple(known.name for known in MODEL.fields)
"""The fields of a Job that say something about its model."""


@checks_constructor
@dataclass(frozen=True)
class Job:
    """What to do with the images of a source.

    ``map``, ``combine``, ``reduce`` and ``program`` are the user's functions. Without ``map``, each
    image becomes one record under the key that ``key`` names. ``program`` gets the table of all
    records, and yields rounds (see ``Round``). ``extract`` names extractors, which compute the
    columns of the catalogue; those of your own are functions with ``mrimage.extractor``. ``edits``
    turn each image into an edited one. ``group`` names built-in group reducers, and ``find``
    built-in programs over the whole source; ``clusters`` is how many clusters one of these makes,
    or ``"auto"``. A Job without edits and reducers makes a catalogue only: it reads headers and
    decodes nothing.

    ``rules`` are edits for the images under some keys (see ``Rule``): the first rule that matches
    a key applies, and ``edits`` apply under all other keys. Instead of ``Edits``, ``edits`` may be
    a mapping of patterns for keys to ``Edits`` or None, which becomes the job's rules, or a
    function ``(key, metadata) -> Edits``; None means no output.

    ``each`` edits each image of each group, in a second pass over the images: it gets the image,
    the key, and the group's ``statistic`` (see ``Statistic``; None if the job has none). It returns
    ``Edits`` for the image, pixels as ``Output`` takes them, an ``Output`` whose extension says how
    the result is written, or None for no output. The output is named after the image, like an
    edited one.

    ``needs`` names extractors whose columns ``reduce`` and ``program`` get with the values, so that
    they do not have to decode images again. Each value is then a dictionary with these columns by
    name. Without ``map`` it also has ``uri`` and ``path``. With ``map`` it also has the items of the
    mapper's own dictionary, which win over columns of the same name; a value that is not a
    dictionary is under ``value``.

    ``include``, ``exclude`` and ``all_files`` select the files of the source. ``sample``, a number
    or a share such as ``"5%"``, takes images at random, the same ones in each run; ``limit`` takes
    the first ones by uri. ``from_out``, the OUT of an earlier run of the same source, takes those
    of its images that ``where`` selects, a condition in SQL over its catalogue. Its columns are keys
    and columns to carry, too.
    ``output`` names the sink of edited images: ``files``, or ``webdataset`` or ``parquet`` for
    shards of about ``shard_size`` bytes at most; ``originals`` copies the images as they are.
    ``output_name`` is a template of their names below ``images/``, such as
    ``"{year}/{camera}/{stem}"``. Shards have the columns ``carry`` of the catalogue
    beside the images. ``shuffle``, a seed, puts the images into the shards in random order.

    ``model`` is a file with the neural network for the extractors ``embedding`` and ``labels``, by
    default EfficientNet-Lite0. The other fields that begin with ``model_`` describe its input (see
    ``image.network.ModelOptions``), as far as the file does not. ``labels`` is a file with the
    names of its classes. ``top`` labels of each image are kept, and an image whose confidence is
    below ``unsure`` has the label ``unsure``.

    ``examples``, a folder with a folder of images for each label, gives each image the label of
    the examples that it is most like, by its embedding if the job extracts that, or else by its
    descriptor.

    A field that takes several names also takes a single one: ``key="camera"``. Raises UsageError
    for a value of the wrong type.
    """

    map: Mapper | None = None
    reduce: Reducer | None = None
    combine: Combiner | None = None
    key: tuple[str, ...] = ("dimensions",)
    extract: tuple[str | OwnExtractor, ...] = ("header",)
    edits: Edits | Mapping[str, Edits | None] | EditsFunction | None = None
    rules: tuple[Rule, ...] = ()
    group: tuple[str, ...] = ()
    find: tuple[str, ...] = ()
    clusters: str = "auto"
    similar: str = "same-picture"
    keep: tuple[str, ...] = ("best",)
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    all_files: bool = False
    output: str = "files"
    shard_size: int | None = None
    carry: tuple[str, ...] = ()
    shuffle: int | None = None
    output_name: str | None = None
    limit: int | None = None
    sample: str | None = None
    from_out: str | None = None
    where: str | None = None
    limits: Limits = field(default_factory=Limits)
    needs: tuple[str, ...] = ()
    program: Program | None = None
    statistic: Statistic | None = None
    each: Each | None = None
    examples: str | None = None
    model: str | None = None
    model_size: tuple[int, int] | None = None
    model_layout: str | None = None
    model_channels: str | None = None
    model_mean: tuple[float, float, float] | None = None
    model_deviation: tuple[float, float, float] | None = None
    labels: str | None = None
    top: int = 5
    unsure: float = 0.5
    network: Network | None = field(default=None, repr=False)
    """The model, as a run has read it. A run sets this if an extractor needs it."""
    example_set: ExampleSet | None = field(default=None, repr=False)
    """The examples, as a run has read them. A run sets this if ``examples`` names some."""
    record_extractors: tuple[str, ...] = field(default=(), repr=False)
    """Extractors whose columns are part of the records. A run sets this from ``needs`` and
    ``group``."""
    references: tuple[tuple[str, tuple[int, ...]], ...] = field(default=(), repr=False)
    """The statistic of each reference image that the edits name. A run sets this."""
    watermarks: tuple[Watermark, ...] = field(default=(), repr=False)
    """The watermarks that the edits name. A run sets this."""

    def __post_init__(self) -> None:
        values = check_fields(self, JOB_FIELDS.values(), "Job.")
        if not values["key"] and self.map is None:
            raise UsageError(
                "Job.key needs at least one name, or a map that says which key an image has."
            )
        if self.map is None:
            check_keys(values["key"])
        extractors = (*values["extract"], *values["needs"], *self.record_extractors)
        if values["examples"] is not None:
            values["examples"] = absolute(values["examples"])
            vector = "embedding" if "embedding" in extractors else "descriptor"
            extractors = (*extractors, vector, "examples")
        values["extract"] = tuple(dict.fromkeys(extractors))
        require_instance("Job.limits", self.limits, Limits)
        limits = check_fields(self.limits, JOB_FIELDS.values(), "Limits.")
        values["limits"] = replace(self.limits, **limits)
        values |= _checked_edits_and_rules(values["edits"], values["rules"])
        for name in ("model", "labels"):
            if values[name] is not None:
                # The same file from any working directory, and for every worker.
                values[name] = os.path.abspath(values[name])  # noqa: PTH100
        if values["from_out"] is not None:
            values["from_out"] = absolute(values["from_out"])
        for name, value in values.items():
            object.__setattr__(self, name, value)
        check_own_columns(self.built_in, self.own_columns)

    @property
    def built_in(self) -> tuple[str, ...]:
        """The names of the built-in extractors."""
        return tuple(item for item in self.extract if isinstance(item, str))

    @property
    def own_extractors(self) -> tuple[OwnExtractor, ...]:
        """The job's own extractors."""
        return tuple(item for item in self.extract if isinstance(item, OwnExtractor))

    @property
    def own_columns(self) -> Columns:
        """The columns that the job's own extractors add to the catalogue."""
        return tuple(column for extractor in self.own_extractors for column in extractor.columns)

    @property
    def taken(self) -> frozenset[str]:
        """The names that a column of the source cannot have; it gets a prefix."""
        return taken_names(self.built_in, self.own_columns, self.find)

    @property
    def plain_edits(self) -> Edits | None:
        """The edits of images under keys that no rule matches; None if there are none, or if a
        function decides."""
        return self.edits if isinstance(self.edits, Edits) else None

    @property
    def edits_function(self) -> EditsFunction | None:
        """The function that decides how images are edited, if there is one."""
        return self.edits if callable(self.edits) else None

    @property
    def edits_images(self) -> bool:
        """Whether any image may get an output of its own in map."""
        return (
            self.copies_originals
            or self.edits is not None
            or any(not rule.skip for rule in self.rules)
        )

    @property
    def copies_originals(self) -> bool:
        """Whether the outputs are the originals."""
        return self.output == ORIGINALS

    @property
    def in_shards(self) -> bool:
        """Whether the outputs go into shards."""
        return self.output not in ("files", ORIGINALS)

    @property
    def makes_images(self) -> bool:
        """Whether any image may get an output of its own, from edits or from ``each``."""
        return self.edits_images or self.each is not None

    @property
    def known_edits(self) -> Iterator[Edits]:
        """The edits that the job's options and rules make; none if a function decides."""
        plain = self.plain_edits
        if plain:
            yield plain
        for rule in self.rules:
            edits = rule.applied_to(plain)
            if isinstance(edits, Edits):
                yield edits

    @property
    def watermark_files(self) -> Mapping[str, bytes]:
        """The pictures of the watermarks by name."""
        return {watermark.name: watermark.png for watermark in self.watermarks}

    @property
    def has_members(self) -> bool:
        """Whether images may be edited in a second pass, which knows their groups."""
        if self.each is not None or self.edits_function is not None:
            return True
        return any(edits.sees_group for edits in self.known_edits)

    @property
    def needs_bytes(self) -> bool:
        """Whether map may need whole images, not only their headers."""
        return self.decodes or self.map is not None

    @property
    def decodes(self) -> bool:
        """Whether map needs whole images even if the user's mapper does not read them."""
        if self.edits_images or self.statistic is not None:
            return True
        if self.map is None and reads_content(self.key):
            return True
        return any(name != "header" for name in self.extract)

    @property
    def embedding_length(self) -> int:
        """How many numbers an embedding has; 0 if the job has none."""
        return self.network.length if self.network else 0

    @property
    def reduces(self) -> bool:
        """Whether the job has a reducer, so that records are shuffled."""
        return self.reduce is not None or bool(self.group)

    def describe(self) -> dict[str, object]:
        """Return the job as plain data, for the plan hash, the report and the error about a
        different job.

        A function is described by its name and a digest of its code, so that an edited mapper
        makes a different job.
        """
        functions = ("map", "reduce", "combine", "program", "each")
        left_out = (
            *(*functions, "edits", "rules"),
            *("record_extractors", "statistic", "references", "watermarks", "network"),
            "example_set",
        )
        facts = {name: value for name, value in vars(self).items() if name not in left_out}
        for name in functions:
            facts[name] = describe_function(getattr(self, name))
        facts["extract"] = [
            item if isinstance(item, str) else describe_function(item) for item in self.extract
        ]
        facts["edits"] = describe_function(self.edits_function)
        if self.plain_edits:
            facts["edits"] = describe_edits(self.plain_edits)
        if self.rules:
            facts["rules"] = [RULE_OPTIONS.show(rule) for rule in self.rules]
        if self.statistic:
            facts["statistic"] = describe_function(self.statistic.of)
            facts["merge"] = describe_function(self.statistic.merge)
        optional = ("find", "needs", "program", "each", "carry", "shuffle", "limit", "sample")
        for name in (*optional, "from_out", "where", "examples", "output_name"):
            if not facts[name] and facts[name] != 0:
                # An OUT that was made before this field existed still belongs to this job.
                del facts[name]
        if self.references:
            facts["references"] = [f"{name} ({_digest(found)})" for name, found in self.references]
        if self.watermarks:
            facts["watermarks"] = [f"{made.name} ({made.digest})" for made in self.watermarks]
        for name in (*MODEL_FIELDS, "clusters"):
            if facts[name] == _DEFAULTS[name]:
                del facts[name]
        if self.network:
            facts["network"] = self.network.describe()
        if self.example_set:
            facts["example_set"] = self.example_set.describe()
        if "duplicates" not in self.find:
            del facts["similar"], facts["keep"]
        limits = facts.pop("limits")
        # The other limits, deadline and memory, do not make a different job.
        for name in ("max_pixels", "allow_truncated"):
            facts[name] = getattr(limits, name)
        # Encoded and decoded, so that it equals the description that an earlier run has stored.
        described: dict[str, object] = msgspec.json.decode(msgspec.json.encode(facts))
        return described


def _digest(numbers: Iterable[int]) -> str:
    return hashlib.blake2b(repr(tuple(numbers)).encode(), digest_size=8).hexdigest()


def checked_edits(edits: Edits) -> Edits:
    """Return ``edits`` in canonical form. Raises UsageError for a value of the wrong type, and for
    values that do not go together."""
    checked = replace(edits, **check_fields(edits, JOB_FIELDS.values(), "Edits."))
    require_one_size(checked)
    return checked


def _checked_edits_and_rules(edits: Any, rules: tuple[Rule, ...]) -> dict[str, Any]:
    """Return a job's edits and rules in canonical form: a mapping becomes rules."""
    if isinstance(edits, Edits):
        return {"edits": checked_edits(edits), "rules": rules}
    if edits is not None and rules:
        kind = "a mapping" if isinstance(edits, Mapping) else "a function"
        raise UsageError(
            f"Job.edits as {kind} says what happens under each key, but got rules as well. "
            "Leave out one of them."
        )
    if not isinstance(edits, Mapping):
        return {"edits": edits, "rules": rules}
    by_key = {}
    for key, value in edits.items():
        if value is not None and not isinstance(value, Edits):
            raise UsageError(
                f"Job.edits needs mrimage.Edits(...) or None for each key, but got {brief(value)} "
                f"for {brief(key)}."
            )
        by_key[key] = checked_edits(value) if value else None
    made = JOB_FIELDS["rules"].type.from_python("Job.edits", tuple(rules_of(by_key)))
    return {"edits": None, "rules": made}


_DEFAULTS: Mapping[str, object] = {known.name: known.default for known in fields(Job)}


@dataclass(frozen=True)
class Plan:
    """A job, its source and OUT as absolute paths or urls, and the settings of their stores. Each
    task gets the whole plan.

    ``lease`` identifies the run that holds the lock of OUT, so that its tasks stop if another run
    takes over. It is empty if OUT is local. ``columns`` are the source's own, which are known when
    it is listed. ``pictures`` is a local folder in which map keeps decoded pictures for the second
    pass; it is empty if tasks may run on other machines.
    """

    job: Job
    source: str
    out: str
    stores: StoreSettings = field(default_factory=StoreSettings)
    lease: str = ""
    columns: Columns = ()
    others: tuple[str, ...] = ()
    """Further sources."""
    names: tuple[str, ...] | None = None
    """The names of the images on standard input, relative to the folder of ``source``. Tasks get
    an empty tuple in their place."""
    pictures: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", absolute(self.source))
        object.__setattr__(self, "others", tuple(map(absolute, self.others)))
        object.__setattr__(self, "out", absolute(self.out))

    @property
    def sources(self) -> tuple[str, ...]:
        """All sources."""
        return (self.source, *self.others)

    def describe_source(self) -> str | list[str]:
        """Return the source as plain data: a list if there are several."""
        return list(self.sources) if self.others else self.source

    def for_tasks(self) -> Plan:
        """Return the plan as tasks get it: without the program and the names, which stay in the
        driver."""
        names = None if self.names is None else ()
        if self.job.program is None:
            return replace(self, names=names)
        return replace(self, job=replace(self.job, program=None), names=names)

    def hash(self) -> str:
        """Return the hash of the job and its source: 16 hexadecimal digits."""
        facts = {**self.job.describe(), "source": self.describe_source()}
        data = msgspec.json.encode(facts, order="sorted")
        return hashlib.blake2b(data, digest_size=8).hexdigest()
