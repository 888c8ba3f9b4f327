"""Keras models as torch modules: tensors cross by DLPack, gradients by an autograd function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import dlpack

from semsim.codecs.keras.flops import count_graph_flops
from semsim.codecs.keras.tensorflow import import_keras, import_tensorflow
from semsim.errors import DeviceError

#: TensorFlow ends the process when it gets memory that does not begin at a multiple of this.
_ALIGNMENT_BYTES = 64
#: Shape and type of tensors.
Specs = list[tuple[Any, Any]]


def to_tensorflow(tensor: Tensor) -> Any:
    """Return a TensorFlow tensor in the memory of ``tensor``.

    It is copied first where TensorFlow cannot take its memory as it is: where its values do not
    lie side by side (``permute``), or do not begin at a multiple of 64 bytes (some slices).
    """
    tensor = tensor.detach().contiguous()
    if tensor.data_ptr() % _ALIGNMENT_BYTES:
        tensor = tensor.clone()
    if tensor.is_cuda:  # TensorFlow has streams of its own, which do not wait for torch's
        torch.cuda.current_stream(tensor.device).synchronize()
    return import_tensorflow().experimental.dlpack.from_dlpack(tensor.__dlpack__())


def to_torch(tensor: Any) -> Tensor:
    """Return a torch tensor in the memory of a TensorFlow ``tensor``.

    TensorFlow takes it that nobody writes there.
    """
    tensorflow = import_tensorflow()
    if "GPU" in tensor.device:
        tensorflow.test.experimental.sync_devices()
    return dlpack.from_dlpack(tensorflow.experimental.dlpack.to_dlpack(tensor))


@dataclass(frozen=True)
class Traced:
    """What a model makes of inputs of one shape.

    Attributes:
        shape: of the output, without the batch.
        flops: of one element of the batch; 0.0 where they cannot be counted.
    """

    shape: tuple[int, ...]
    flops: float


class _Graph:
    """A Keras model as a pure function of its weights, compiled by TensorFlow.

    The weights in the model itself are never read, so that copies of a module share it.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self._function = import_tensorflow().function(self._run)
        self._traced: dict[Any, Any] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> _Graph:
        return self

    def trace(self, weights: Specs, state: Specs, inputs: Specs, training: bool) -> Any:
        """Return the compiled function for tensors of these (shape, type)."""
        spec = import_tensorflow().TensorSpec
        specs = [[spec(*one) for one in some] for some in (weights, state, inputs)]
        return self._function.get_concrete_function(*specs, training)

    def run(self, weights: list[Any], state: list[Any], inputs: list[Any], training: bool) -> Any:
        """Return the output, and what training changed of the state, by its place.

        It is compiled once for all sizes of the batch.
        """
        kept, held = ([(tuple(one.shape), one.dtype) for one in some] for some in (weights, state))
        taken = [((None, *one.shape[1:]), one.dtype) for one in inputs]
        key = (tuple(kept), tuple(held), tuple(taken), training)
        if key not in self._traced:
            self._traced[key] = self.trace(kept, held, taken, training)
        return self._traced[key](weights, state, inputs, training)

    def _run(
        self, weights: list[Any], state: list[Any], inputs: list[Any], training: bool
    ) -> tuple[Any, dict[str, Any]]:
        model, places = self.model, self.model.non_trainable_variables
        values = [*zip(model.trainable_variables, weights, strict=True)]
        values += zip(places, state, strict=True)
        with import_keras().StatelessScope(state_mapping=values) as scope:
            output = model(inputs if len(inputs) > 1 else inputs[0], training=training)
        after = [scope.get_current_value(place) for place in places]
        changed = {
            str(i): new
            for i, (new, old) in enumerate(zip(after, state, strict=True))
            if new is not old
        }
        return output, changed


class KerasModule(nn.Module):
    """A Keras model whose weights are torch parameters.

    ::

        inputs, parameters, buffers ─► DLPack ─► TensorFlow graph ─► DLPack ─► output
                 gradients          ◄─ DLPack ◄─  GradientTape    ◄─ DLPack ◄─ gradient

    The parameters are the model's trainable variables and the buffers the others (moving averages,
    states of random generators), copied once when the module is made; from then on TensorFlow
    computes in torch's memory. Random generators of layers (dropout) start from torch's generator,
    as weights of torch's own layers do, so that it alone decides what a training gives.

    Parameters and buffers are named by place and Keras name (``0_kernel``). Layers that were frozen
    when the model was saved stay frozen: their weights are buffers. Losses that layers add
    themselves (``add_loss``) are not seen.

    Args:
        model: a built ``keras.Model`` of one output.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self._graph = _Graph(model)
        self._weights = _names("", model.trainable_variables)
        self._state = _names("state_", model.non_trainable_variables)
        for name, variable in zip(self._weights, model.trainable_variables, strict=True):
            self.register_parameter(name, nn.Parameter(_value(variable)))
        for name, variable in zip(self._state, model.non_trainable_variables, strict=True):
            value = _value(variable)
            if variable.name == "seed_generator_state":  # a seed and a counter
                value = torch.stack([torch.randint(2**31, ()), torch.zeros(())]).to(value)
            self.register_buffer(name, value)

    @property
    def inputs(self) -> list[tuple[int | None, ...]] | None:
        """Shapes of the inputs without the batch; ``None`` where the model does not tell them."""
        inputs = getattr(self._graph.model, "inputs", None)
        return None if inputs is None else [tuple(one.shape[1:]) for one in inputs]

    @property
    def output(self) -> tuple[int | None, ...] | None:
        """Shape of the output without the batch; ``None`` where it is not one, or not told."""
        outputs = getattr(self._graph.model, "outputs", None)
        return tuple(outputs[0].shape[1:]) if outputs is not None and len(outputs) == 1 else None

    def trace(self, *shapes: tuple[int, ...]) -> Traced:
        """Return what comes of inputs of these shapes (without the batch), computing nothing.

        Raises:
            ValueError: if the model does not take them, or returns anything but real features.
        """
        tensorflow = import_tensorflow()
        model = self._graph.model
        for shape, asked in zip(shapes, self.inputs or [], strict=False):
            if not fit(shape, asked):
                raise ValueError(f"the model takes {show(asked)}, not {show(shape)}")
        weights, state = (
            [(variable.shape, variable.dtype) for variable in variables]
            for variables in (model.trainable_variables, model.non_trainable_variables)
        )
        try:
            inputs = [((1, *shape), "float32") for shape in shapes]
            traced = self._graph.trace(weights, state, inputs, False)
        except Exception as error:  # what a model raises for a wrong shape is up to its layers
            raise ValueError(f"the model refuses {show(shapes[0])}: {_brief(error)}") from error
        output = traced.structured_outputs[0]
        if not tensorflow.is_tensor(output) or not output.dtype.is_floating:
            raise ValueError("the model must return one tensor of real numbers")
        if output.shape.rank is None or None in output.shape or output.shape[0] != 1:
            raise ValueError(f"the model returns {output.shape} for a batch of one")
        return Traced(tuple(output.shape[1:]), count_graph_flops(traced.graph))

    def forward(self, *inputs: Tensor, training: bool) -> Tensor:
        """``[B, ...]`` to ``[B, ...]``; ``training`` as Keras means it (dropout, moving averages).

        Raises:
            DeviceError: if TensorFlow does not see the device of the inputs.
        """
        weights = [self.get_parameter(name) for name in self._weights]
        state = [self.get_buffer(name) for name in self._state]
        call = _Call(self._graph, state, len(weights), training)
        tensors = (*weights, *inputs)
        if torch.is_grad_enabled():
            output: Tensor = _Differentiable.apply(call, *tensors)
        else:
            output = call(tensors, [])
        for place, value in call.changed.items():
            # TensorFlow may still need the old state for the gradient: a new one takes its place.
            setattr(self, self._state[int(place)], to_torch(value).clone())
        return output

    def put_into_model(self) -> Any:
        """Put the weights into the Keras model and return it, to save it or look at it."""
        model = self._graph.model
        names = (*self._weights, *self._state)
        variables = (*model.trainable_variables, *model.non_trainable_variables)
        values = {**dict(self.named_parameters()), **dict(self.named_buffers())}
        for name, variable in zip(names, variables, strict=True):
            variable.assign(values[name].detach().cpu().numpy())
        return model


class _Call:
    """One run of a graph, and what its gradient needs."""

    def __init__(self, graph: _Graph, state: list[Tensor], weights: int, training: bool) -> None:
        self._graph = graph
        self._state = state
        self._weights = weights
        self._training = training
        self._tape: Any = None
        self._watched: Any = None
        self._output: Any = None
        self.changed: dict[str, Any] = {}

    def __call__(self, tensors: tuple[Tensor, ...], watch: list[int]) -> Tensor:
        """Run on weights and inputs; gradients are possible for those at the places ``watch``."""
        tensorflow = import_tensorflow()
        with tensorflow.device(_device(tensors[-1].device)):
            given = [to_tensorflow(tensor) for tensor in tensors]
            state = [to_tensorflow(tensor) for tensor in self._state]
            watched = [given[place] for place in watch]
            with tensorflow.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(watched)
                output, self.changed = self._graph.run(
                    given[: self._weights], state, given[self._weights :], self._training
                )
        if watch:
            self._tape, self._watched, self._output = tape, watched, output
        result = to_torch(output)
        # A model that only reshapes gives back the memory of its input.
        return result.clone() if any(_overlap(result, tensor) for tensor in tensors) else result

    def gradients(self, gradient: Tensor) -> list[Tensor | None]:
        """Return gradients for what was watched, from that of the output.

        They are copies: torch clips and adds up gradients in place, while TensorFlow may give
        several the same memory.

        Raises:
            RuntimeError: if they were taken before.
        """
        if self._tape is None:
            raise RuntimeError(
                "a Keras model keeps what its gradient needs only once: run it again in the place "
                "of retain_graph=True"
            )
        tensorflow = import_tensorflow()
        tape, output, watched = self._tape, self._output, self._watched
        self._tape = self._output = self._watched = None  # their memory is free from here on
        with tensorflow.device(_device(gradient.device)):
            found = tape.gradient(output, watched, output_gradients=to_tensorflow(gradient))
            return [
                None if one is None else to_torch(tensorflow.convert_to_tensor(one)).clone()
                for one in found
            ]


class _Differentiable(torch.autograd.Function):
    """``output = call(weights, inputs)``, differentiable once."""

    @staticmethod
    def forward(ctx: Any, call: _Call, *tensors: Tensor) -> Tensor:
        ctx.call = call
        ctx.watch = [i for i, needed in enumerate(ctx.needs_input_grad[1:]) if needed]
        output = call(tensors, ctx.watch)
        # TensorFlow computes the gradient from this memory: torch sees to it that nobody writes
        # there before that.
        ctx.save_for_backward(*tensors, output)
        return output

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        tensors = ctx.saved_tensors[:-1]
        gradients: list[Tensor | None] = [None] * len(tensors)
        for place, gradient in zip(ctx.watch, ctx.call.gradients(outer[0]), strict=True):
            gradients[place] = gradient
        return None, *gradients


def _value(variable: Any) -> Tensor:
    return to_torch(import_tensorflow().convert_to_tensor(variable.value)).clone().cpu()


def _overlap(one: Tensor, other: Tensor) -> bool:
    starts = one.data_ptr(), other.data_ptr()
    return starts[0] < starts[1] + other.nbytes and starts[1] < starts[0] + one.nbytes


def _names(prefix: str, variables: list[Any]) -> list[str]:
    # Keras numbers the layers of a process, so that their paths may differ from run to run.
    return [
        f"{prefix}{i}_{variable.name.replace('.', '_')}" for i, variable in enumerate(variables)
    ]


def _device(device: torch.device) -> str:
    if device.type != "cuda":
        return "/CPU:0"
    number = device.index or 0
    if number >= len(import_tensorflow().config.list_physical_devices("GPU")):
        raise DeviceError(
            f"codec keras: TensorFlow does not see {device}; install tensorflow[and-cuda], or use "
            "device: cpu"
        )
    return f"/GPU:{number}"


def show(shape: tuple[int | None, ...]) -> str:
    """Return a shape for a message; ``?`` stands for what is open.

    >>> show((None, None, 3))
    '?×?×3'
    """
    return "×".join("?" if size is None else str(size) for size in shape)


def fit(given: tuple[int | None, ...], taken: tuple[int | None, ...]) -> bool:
    """Tell whether tensors of shape ``given`` may go where ``taken`` is asked for.

    >>> fit((8, 8, 4), (None, None, 4)), fit((8, 8, 4), (8, 8, 3))
    (True, False)
    """
    return len(given) == len(taken) and all(
        one is None or other is None or one == other
        for one, other in zip(given, taken, strict=True)
    )


def _brief(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
