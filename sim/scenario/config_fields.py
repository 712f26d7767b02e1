"""The fields of a Hugging Face config.json, with checked access that remembers which of them were read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sim.errors import InputError, shown

Described = dict[str, Any]
"""Fields of catalog.Model; None stands for what follows from the others."""
_WORDS = """
architectures model_type transformers_version name_or_path auto_map torch_dtype dtype use_cache hidden_act
hidden_activation activation activation_function initializer_range initializer_factor init_device rms_norm_eps
layer_norm_eps layer_norm_epsilon norm_epsilon norm_eps rope_theta rope_scaling rope_parameters rope_interleaved
original_max_position_embeddings partial_rotary_factor rotary_pct rotary_emb_base rotary_dim query_pre_attn_scalar
attention_multiplier embedding_multiplier pretraining_tp max_window_layers is_decoder tie_encoder_decoder
output_attentions output_hidden_states output_scores return_dict return_dict_in_generate torchscript use_bfloat16
task_specific_params id2label label2id problem_type finetuning_task classifier_dropout tokenizer_class prefix
tokenizer_name pruned_heads gradient_checkpointing chunk_size_feed_forward attn_implementation tf_legacy_loss
max_length min_length do_sample early_stopping num_beams num_beam_groups diversity_penalty temperature top_k top_p
typical_p repetition_penalty length_penalty no_repeat_ngram_size encoder_no_repeat_ngram_size bad_words_ids
num_return_sequences remove_invalid_values exponential_decay_length_penalty suppress_tokens begin_suppress_tokens
"""
_WORDS_OF_ATTENTION = """
attn_impl softmax_scale attn_uses_sequence_id alibi_bias_max fused_qkv rope_theta rope_impl rope_dail_config
rope_hf_config model_type
"""
_FREE = frozenset(_WORDS.split())
"""Fields of any family that change nothing in what a step costs: ids of tokens, seeds, scales, how text is made."""
_FREE_OF_TABLES: Mapping[str, frozenset[str]] = {
    "attn_config": frozenset(_WORDS_OF_ATTENTION.split()),
    "ffn_config": frozenset(("fc_type", "model_type")),
}
_FREE_ENDINGS = ("_token_id", "_token_ids", "_attn_2_enabled")


def is_free(key: str, own: Collection[str] = (), table: str = "") -> bool:
    """Whether a field changes nothing in what a step costs.

    own: such fields of its family. table: within the file that it is in; empty where it is in none.
    """
    plain = key.lstrip("_")
    free = plain in _FREE or plain in _FREE_OF_TABLES.get(table, ())
    return free or plain in own or plain.endswith(_FREE_ENDINGS)


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The fields of one config.json, or of a table in it. A field that is null counts as left out."""

    fields: Mapping[str, Any]
    where: str
    tables: dict[str, ModelConfig] = field(default_factory=dict)
    """Tables within the file that were read."""
    _read: set[str] = field(default_factory=set)

    def value(self, name: str) -> Any:
        """The value of a field, which then counts as read; None where it is not there."""
        self._read.add(name)
        return self.fields.get(name)

    def size(self, *names: str) -> int:
        """The whole number under the first of the names that is there. Raises InputError when none is."""
        found = self.optional_size(*names)
        if found is None:
            raise InputError(self.where, f"'{names[0]}' is missing", f"add {' or '.join(names)} to the file")
        return found

    def optional_size(self, *names: str) -> int | None:
        """As size, but None where none of the names is there, or is null."""
        found = [(name, value) for name in names if (value := self.value(name)) is not None]
        for name, value in found:
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise InputError(self.where, f"'{name}' is {shown(value)}", "it must be a whole number above zero")
            if value != found[0][1]:
                problem = f"'{name}' is {value}, but '{found[0][0]}' is {found[0][1]}"
                raise InputError(self.where, problem, "leave one of the two out: they mean the same")
        return found[0][1] if found else None

    def optional_count(self, name: str, default: int) -> int:
        """A whole number that may be zero, or its default."""
        value = self.value(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            raise InputError(self.where, f"'{name}' is {shown(value)}", "it must be a whole number, or zero")
        return default if value is None else value

    def is_set(self, name: str, default: float | None) -> bool:
        """Whether there is a number: null in the file is none, and left out its default."""
        value = self.value(name) if name in self.fields else default
        if value is not None and (not isinstance(value, (int, float)) or isinstance(value, bool)):
            raise InputError(self.where, f"'{name}' is {shown(value)}", "it must be a number, or null")
        return bool(value)

    def switch(self, name: str, default: bool) -> bool:
        """A truth value, or its default."""
        value = self.value(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise InputError(self.where, f"'{name}' is {shown(value)}", "it must be true or false")
        return value

    def drops(self, **defaults: float) -> bool:
        """Whether any of the dropout rates (name = default) is above zero."""
        given = {name: self.value(name) for name in defaults}
        rates = [defaults[name] if rate is None else rate for name, rate in given.items()]
        for name, rate in zip(defaults, rates, strict=True):
            if not isinstance(rate, (int, float)) or not 0 <= rate < 1:
                raise InputError(self.where, f"'{name}' is {shown(rate)}", "it must be a share from 0 to below 1")
        return any(rate > 0 for rate in rates)

    def must_be(self, name: str, *allowed: object) -> None:
        """Raise InputError where a field is there and has another value than those that can be simulated."""
        value = self.value(name)
        if value is not None and value not in allowed:
            problem = f"'{name}' is {shown(value)}, which is not simulated"
            raise InputError(self.where, problem, f"simulated: {', '.join(map(shown, allowed))}")

    def table(self, name: str) -> ModelConfig:
        """A table within the file; empty where it is not there."""
        value = self.value(name)
        if value is not None and not isinstance(value, Mapping):
            raise InputError(self.where, f"'{name}' is {shown(value)}", "it must be a table")
        return self.tables.setdefault(name, ModelConfig(value or {}, f"{self.where}: {name}"))

    def unread(self) -> list[str]:
        """Names of the fields that are there and that nobody asked for."""
        return [name for name, value in self.fields.items() if value is not None and name not in self._read]
