from dataclasses import replace

from graphgrad.view.picture import Look
from graphgrad_tui.looks import first_drawing, fitting, fold, fold_others, scopes, unfold_one, unfold_to
from tests.tui.screens import layers, neuron


def test_scopes_with_those_around_them():
    assert scopes(layers().graph) == {"net", "net.hidden", "net.out"}
    assert scopes(neuron().graph) == frozenset()


def test_folding_goes_outward_and_unfolding_inward():
    look = fold(Look(), "net.hidden")
    assert look.folded == {"net.hidden"}
    look = fold(look, "net.hidden")
    assert look.folded == {"net", "net.hidden"}
    assert fold(look, "net.hidden") == look
    look = unfold_one(look, "net.hidden")
    assert look.folded == {"net.hidden"}
    assert unfold_one(look, "net.hidden").folded == frozenset()
    assert fold(Look(), "") == Look()


def test_folding_others_keeps_the_way_to_the_place():
    graph = layers().graph
    look = fold_others(Look(), graph, "net.hidden")
    assert look.folded == {"net.out"}
    assert fold_others(look, graph, "net.hidden").folded == frozenset()
    assert fold_others(Look(), graph, "").folded == {"net", "net.hidden", "net.out"}
    assert unfold_to(fold_others(Look(), graph, ""), "net.out").folded == {"net.hidden"}


def test_what_fits_is_taken_and_what_does_not_comes_close():
    walk = layers()
    wide = fitting(walk, Look(), 300, 100)
    assert wide.look == Look()
    small = fitting(walk, Look(), 60, 20)
    assert small.scene.width <= 60
    assert small.scene.height <= 20
    assert small.look != Look()
    assert fitting(walk, Look(), 3, 3).scene.width < wide.scene.width


def test_a_walk_opens_turned_if_it_fits_that_way_only():
    walk = neuron()
    upright = first_drawing(walk, Look(), 100, 100)
    assert upright.look.direction == "TB"
    width, height = upright.scene.width, upright.scene.height
    turned = first_drawing(walk, Look(), 500, height - 1)
    assert turned.look.direction == "LR"
    assert first_drawing(walk, Look(), width - 1, 5).look.direction == "TB", "where nothing fits nothing is turned"
    assert first_drawing(walk, replace(Look(), preset="name"), 100, 100).look.preset == "name"
