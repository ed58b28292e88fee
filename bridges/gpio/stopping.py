"""The outputs of a bridge whose router does not run: what they are, and setting them as on_stop says.

For `edge-router outputs`, which the service's unit runs after each stop (ExecStopPost, systemd.service(5)): a router
that was killed has set nothing. No Twisted, no session; one output that cannot be set holds up no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bridges.gpio.backends import backend_of, pwm_of, simulation
from bridges.gpio.chips import find_chip, find_line
from bridges.gpio.config import GpioConfig
from bridges.gpio.lines import Chip, LineError
from bridges.gpio.outputconfig import Output, level_of
from bridges.gpio.outputs import driving
from bridges.gpio.pwmchips import Channel
from bridges.gpio.pwmconfig import Pwm, duty_of

#: name, what was done or found, whether it is as it should be
Outcome = tuple[str, str, bool]


class StoppedOutputs:
    """config: the bridge's section. directory: the node directory."""

    def __init__(self, config: GpioConfig, directory: Path) -> None:
        self._config = config
        simulated = simulation(config, None, directory)
        self._backend = backend_of(config, simulated)
        self._pwm = pwm_of(simulated)

    def describe(self) -> Iterator[Outcome]:
        """What each output is, and who has its line now. Nothing is touched."""
        for name, options in self._config.outputs.items():
            try:
                chip = find_chip(self._backend, self._config.labels, self._config.named_lines)
            except LineError as error:
                yield name, str(error), False
                continue
            try:
                yield self._describe(chip, name, options)
            finally:
                chip.close()
        for name, pwm in self._config.pwm.items():
            yield name, f"PWM channel {pwm.channel} of {pwm.chip or 'the only chip'}; {_rules(pwm)}", True

    def stop(self) -> Iterator[Outcome]:
        """Set each output that on_stop has a level for."""
        for name, options in self._config.outputs.items():
            level = level_of(options.on_stop)
            if level is None:
                continue
            word = "on" if level else "off"
            try:
                self._set(options, level)
            except LineError as error:
                yield name, f"cannot be set {word}: {error}", False
            else:
                yield name, word, True
        for name, pwm in self._config.pwm.items():
            duty = duty_of(pwm.on_stop)
            if duty is None:
                continue
            try:
                Channel(self._pwm.open(pwm), pwm).set(duty)
            except LineError as error:
                yield name, f"cannot be set to {duty:g}: {error}", False
            else:
                yield name, f"{duty:g}", True

    def _set(self, options: Output, level: bool) -> None:
        chip = find_chip(self._backend, self._config.labels, self._config.named_lines)
        try:
            offset = find_line(chip, options.line)
            chip.request([offset], driving(options), {offset: level}, "edge-router outputs").close()
        finally:
            chip.close()

    def _describe(self, chip: Chip, name: str, options: Output) -> Outcome:
        try:
            line = chip.line(find_line(chip, options.line))
        except LineError as error:
            return name, str(error), False
        state = "an output" if line.output else "an input"
        if line.used:
            state = f"in use by {line.consumer or 'the kernel'}"
        called = f" ({line.name})" if line.name else ""
        return name, f"line {line.offset}{called} of {chip.label}, {state}; {_rules(options)}", True


def _rules(options: Output | Pwm) -> str:
    wishes = {rule: getattr(options, rule) for rule in ("on_start", "on_stop", "on_loss")}
    return ", ".join(f"{rule} {_word(wish)}" for rule, wish in wishes.items())


def _word(wish: str | bool | float) -> str:
    if isinstance(wish, bool):
        return "on" if wish else "off"
    return wish if isinstance(wish, str) else f"{wish:g}"
