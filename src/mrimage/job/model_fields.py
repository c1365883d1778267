"""The options of the model of ``--extract embedding`` and ``labels``."""

from __future__ import annotations

from mrimage.job.field import Field, Section
from mrimage.job.option_types import TEXT, one_of, whole
from mrimage.job.picture_options import CHANNELS, PROBABILITY, SIZE

MODEL = Section(
    "the model of --extract embedding and labels",
    (
        Field(
            "model",
            TEXT,
            "a neural network in the ONNX format",
            metavar="FILE.onnx",
            default="EfficientNet-Lite0",
        ),
        Field("model_size", SIZE, "size of the images that the model takes", default="the model's"),
        Field(
            "model_layout",
            one_of("nchw", "nhwc", metavar="LAYOUT"),
            "order of the dimensions of the model's input",
            default="the model's",
        ),
        Field(
            "model_channels",
            one_of("rgb", "bgr", metavar="ORDER"),
            "order of the channels of the model's input",
            default="the model's, or rgb",
        ),
        Field(
            "model_mean",
            CHANNELS,
            "subtracted from pixels from 0 to 1, for red, green and blue",
            default="the model's",
        ),
        Field(
            "model_deviation",
            CHANNELS,
            "divides the pixels after that",
            default="the model's",
        ),
        Field(
            "labels",
            TEXT,
            "names of the model's classes, one on each line",
            metavar="FILE",
            default="the model's",
        ),
        Field("top", whole(1, 1000), "how many labels of an image to keep"),
        Field("unsure", PROBABILITY, "below this confidence, the label of an image is unsure"),
    ),
    note="a sidecar beside the model, FILE.toml, can say the same and more",
)
