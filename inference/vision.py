"""What predictors of images share: they read image files, and answer with what was found in each."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from datasets.images import decode
from inference.answers import ImagePredictions
from inference.drawing import annotated
from inference.protocol import NO_OPTIONS, Bounds, ModelCard, Options, Prediction, Predictor, Reading


@dataclass(frozen=True)
class ReadImage(Reading):
    """An image made ready.

    Attributes:
        inputs: a batch of one.
        image: uint8, height x width x 3, RGB, EXIF-turned.
    """

    inputs: np.ndarray
    image: np.ndarray


class VisionPredictor(Predictor):
    """One model of images, ready to predict; safe to call from several threads at once."""

    BATCHES = True

    def __init__(self, session: object, card: ModelCard):
        super().__init__(session, card)
        self._size_px = card.image_size or 0

    @abstractmethod
    def pre_process(self, image: np.ndarray) -> np.ndarray:
        """The model's input for one image.

        Args:
            image: uint8, height x width x 3, RGB, EXIF-turned.

        Returns:
            A batch of one.
        """

    @abstractmethod
    def forward(self, inputs: np.ndarray) -> np.ndarray:
        """Run the model on a batch of inputs."""

    @abstractmethod
    def post_process(
        self,
        outputs: np.ndarray,
        input_shape: tuple[int, ...],
        image_shape: tuple[int, ...],
        options: Options = NO_OPTIONS,
    ) -> list[Prediction]:
        """Predictions of one image, most confident first.

        Args:
            outputs: of a batch of one.
            input_shape: of that batch.
            image_shape: of the image: height and width in px, and more.
        """

    def read(self, content: bytes, bounds: Bounds) -> ReadImage:
        """See `Predictor.read`; the content is an image file.

        Raises:
            TooLarge: too many pixels.
        """
        image = decode(content, bounds.most_pixels)
        return ReadImage(self.pre_process(image), image)

    def answer(self, outputs: np.ndarray, reading: ReadImage, options: Options, draw: bool) -> ImagePredictions:
        """See `Predictor.answer`."""
        image = reading.image
        found = self.post_process(outputs, reading.inputs.shape, image.shape, options)
        picture = annotated(image, found, self._card.classes) if draw else None
        return ImagePredictions(image.shape[1], image.shape[0], found, picture)

    def warm_up(self) -> None:
        """See `Predictor.warm_up`."""
        self.predict(np.zeros((self._size_px, self._size_px, 3), np.uint8))

    def predict(self, image: np.ndarray, options: Options = NO_OPTIONS) -> list[Prediction]:
        """The three steps for one image: uint8, height x width x 3, RGB, EXIF-turned."""
        images = self.pre_process(image)
        return self.post_process(self.forward(images), images.shape, image.shape, options)
