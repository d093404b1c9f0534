import numpy as np
import pytest

from openworld.scene.cloth import dress
from openworld.scene.figure import Figure
from openworld.scene.look import random_look
from openworld.scene.paint import paint
from openworld.scene.regions import face_of, part_mask, regions_of
from openworld.seeds import generator


@pytest.mark.parametrize("seed", range(4))
def test_regions_do_not_overlap_and_cover_what_they_should(seed: int, figure: Figure) -> None:
    look = random_look(generator(seed))
    regions = regions_of(figure, look, np.full(len(figure.template), 0.5))
    masks = np.stack([regions.shirt, regions.trousers, regions.shoes, regions.hair, regions.eyes])
    assert masks.sum(0).max() == 1
    assert all(mask.any() for mask in masks)
    assert not regions.shirt[part_mask(figure, "hand")].any()
    assert not regions.hair[figure.template[:, 1] < face_of(figure).eye_y - 0.12].any()


def test_skin_hair_and_clothes_have_the_looks_colours(figure: Figure) -> None:
    look = random_look(generator(1))
    albedo = paint(figure, look)
    regions = regions_of(figure, look, np.full(len(figure.template), 0.5))
    assert albedo.min() >= 0
    assert albedo.max() <= 1
    assert albedo[part_mask(figure, "hand")].mean(0) == pytest.approx(look.skin, rel=0.1)
    assert albedo[regions.trousers].mean(0) == pytest.approx(look.trousers, rel=0.1)


def test_bare_hands_and_face_keep_their_shape(figure: Figure) -> None:
    displacement = np.linalg.norm(dress(figure, random_look(generator(2))), axis=1)
    fingers = part_mask(figure, "hand") & (np.abs(figure.template[:, 0]) > 0.75)
    assert fingers.any()
    assert displacement[fingers].max() < 1e-6
    assert displacement[part_mask(figure, "foot")].mean() > 0.003


def test_looks_differ() -> None:
    assert len({random_look(generator(seed)) for seed in range(20)}) == 20
