"""Settings not yet run as text, what is refused of them, and widths as the rule predicts them."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import coulombfit as cf
from coulombfit.checks.settings.new_settings import (
    NewSetting,
    new_setting_from_text,
    predict_settings,
    require_predictable,
)
from coulombfit.checks.settings.width_of_new_setting import Extent


@pytest.fixture(scope="module")
def rule() -> cf.Scaling:
    rng = np.random.default_rng(0)
    draws = {"b_learning_rate": 1 + 0.05 * rng.normal(size=(2, 500)), "scatter": 0.05 * rng.random(size=(2, 500))}
    posterior = xr.Dataset({name: (("chain", "draw"), values) for name, values in draws.items()})
    posterior["amplitude"] = ("chain", "draw", "level"), 0.3 * np.exp(0.02 * rng.normal(size=(2, 500, 2)))
    tree = xr.DataTree.from_dict({"posterior": posterior})
    place = {"b_learning_rate": 0.5 * np.log(0.1), "b_batch_size": -0.5 * np.log(16.0)}
    extent = Extent(place, (0.05, 0.2), (16.0, 16.0), (0.0, 0.0))
    empty = pd.DataFrame()
    return cf.Scaling(tree, empty, empty, empty, cf.Diagnosis(()), 0.1, None, extent=extent)


def test_text_is_a_setting() -> None:
    assert new_setting_from_text("learning_rate=0.02,batch_size=64") == NewSetting(0.02, 64.0)
    assert new_setting_from_text(" batch_size = 8 , factor=0.1, learning_rate=1e-3") == NewSetting(1e-3, 8.0, 0.1)
    assert new_setting_from_text("learning_rate=1,batch_size=8,momentum=0") == NewSetting(1.0, 8.0, momentum=0.0)
    assert str(NewSetting(0.02, 64.0, 2.0)) == "α = 0.02, |B| = 64, factor = 2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.02,64", "predict: expected a setting as learning_rate=0.02,batch_size=64"),
        ("learning_rate=0.02", "got no batch_size in 'learning_rate=0.02'"),
        ("learning_rate=0.02,batch_size=64,mass=1", "predict: expected a setting as"),
        ("learning_rate=0.02,learning_rate=0.1,batch_size=64", "predict: expected one learning_rate, got two"),
        ("learning_rate=fast,batch_size=64", "predict: expected a number for learning_rate, got 'fast'"),
        ("learning_rate=0,batch_size=64", "predict: learning_rate: expected a finite number above 0, got 0.0"),
        ("learning_rate=1,batch_size=64,momentum=1", "predict: expected momentum from 0 to below 1, got '1'"),
        ("learning_rate=nan,batch_size=64", "predict: learning_rate: expected a finite number above 0"),
    ],
)
def test_other_text_is_refused(text: str, message: str) -> None:
    with pytest.raises(cf.ArgumentError, match=message):
        new_setting_from_text(text)


def test_what_no_rule_could_predict_is_refused() -> None:
    x = np.random.default_rng(0).normal(4.0, 0.1, size=(10, 2))
    plain, known = [cf.Spectra(x, provenance=given) for given in ({}, {"factor": 0.1})]
    require_predictable([NewSetting(0.5, 16.0)], [plain], curvature=3.9)
    with pytest.raises(cf.ArgumentError, match=r"αΩ below 2, where training is stable, .*got 2 at α = 0\.5"):
        require_predictable([NewSetting(0.5, 16.0)], [plain], curvature=4.0)
    with pytest.raises(cf.ArgumentError, match=r"expected a factor, as settings that were run have one, got α = 0\.5"):
        require_predictable([NewSetting(0.5, 16.0)], [known], curvature=None)
    heavy = [cf.Spectra(x, provenance={"momentum": mu}) for mu in (0.5, 0.9)]
    require_predictable([NewSetting(0.5, 16.0, momentum=0.5)], heavy, curvature=5.9)
    for curvature, setting, message in (
        (6.0, NewSetting(0.5, 16.0, momentum=0.5), r"or 2\(1 \+ μ\) with momentum, got 3 at"),
        (None, NewSetting(0.5, 16.0), "predict: expected momentum=, as settings that were run have unlike ones"),
    ):
        with pytest.raises(cf.ArgumentError, match=message):
            require_predictable([setting], heavy, curvature=curvature)
    with pytest.raises(cf.ArgumentError, match="expected no factor, as none that was run has"):
        require_predictable([NewSetting(0.5, 16.0, 0.1)], [plain], curvature=None)


def test_widths_are_those_of_the_rule_and_extrapolation_is_said(rule: cf.Scaling) -> None:
    amid, beyond = predict_settings(rule, [NewSetting(0.1, 16.0), NewSetting(0.8, 16.0, 2.0)])
    pd.testing.assert_frame_equal(amid.table, rule.predict(learning_rate=0.1, batch_size=16))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        pd.testing.assert_frame_equal(beyond.table, rule.predict(learning_rate=0.8, batch_size=16, factor=2.0))
    assert amid.beyond == ""
    assert amid.summary().startswith("predicted σ at α = 0.1, |B| = 16\n")
    assert "this extrapolates: learning_rate 0.8 is outside 0.05 to 0.2" in beyond.summary()
    told = beyond.to_json()
    assert told["factor"] == 2.0
    assert told["sigma"]["1"]["lower"] == beyond.table.loc[1, "lower"]


def test_momentum_widens_a_new_setting(rule: cf.Scaling) -> None:
    """By 1/√(1 − μ); that of all settings unless said, and to be said where these have different ones."""
    plain = rule.predict(learning_rate=0.1, batch_size=16)
    heavy = rule.predict(learning_rate=0.1, batch_size=16, momentum=0.75)
    pd.testing.assert_frame_equal(heavy, 2.0 * plain)
    common = replace(rule, extent=replace(rule.extent, momentum=0.75))
    pd.testing.assert_frame_equal(common.predict(learning_rate=0.1, batch_size=16), heavy)
    unlike = replace(rule, extent=replace(rule.extent, momentum=None))
    with pytest.raises(cf.ArgumentError, match="momentum: expected that of the new setting"):
        unlike.predict(learning_rate=0.1, batch_size=16)
    with pytest.raises(cf.ArgumentError, match=r"momentum: expected a number from 0 to below 1, got 1\.0"):
        rule.predict(learning_rate=0.1, batch_size=16, momentum=1.0)
