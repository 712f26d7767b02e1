"""What other tools call the keys of this format."""

from __future__ import annotations

from collections.abc import Mapping

LISTED_BY = "scaletax list keys"
"""The command that lists every key."""
_OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "tensor": ("tp", "tensor_parallel", "tensor_model_parallel_size", "tensor_parallel_degree"),
    "pipeline": ("pp", "pipeline_parallel", "pipeline_model_parallel_size", "pipeline_parallel_degree"),
    "virtual_stages": (
        "vp",
        "vpp",
        "num_layers_per_virtual_pipeline_stage",
        "virtual_pipeline_model_parallel_size",
        "num_virtual_stages_per_pipeline_rank",
    ),
    "first_stage_layers": ("decoder_first_pipeline_num_layers", "num_layers_in_first_pipeline_stage"),
    "last_stage_layers": ("decoder_last_pipeline_num_layers", "num_layers_in_last_pipeline_stage"),
    "schedule": ("pipeline_parallel_schedule",),
    "data": ("dp", "data_parallel", "data_parallel_size", "data_parallel_shard_degree"),
    "context": ("cp", "context_parallel", "context_parallel_size", "context_parallel_degree"),
    "expert": ("ep", "expert_parallel", "expert_model_parallel_size", "expert_parallel_degree"),
    "sequence_parallel": ("sp",),
    "zero": ("zero_stage", "use_distributed_optimizer", "data_parallel_sharding_strategy"),
    "zero_group": ("zero1_size", "mics_shard_size"),
    "offload_layers": ("offload", "cpu_offloading_num_layers"),
    "optimizer_offload": ("offload_optimizer", "optimizer_cpu_offload"),
    "recompute": ("recompute_granularity", "activation_checkpointing", "activations_checkpoint_granularity"),
    "micro_batch": ("mbs", "micro_batch_size", "train_micro_batch_size_per_gpu"),
    "global_batch": ("gbs", "batch", "batch_size", "global_batch_size", "train_batch_size"),
    "sequence": ("seq", "seq_len", "seq_length", "sequence_length", "max_seq_len"),
    "tokens": ("train_tokens",),
    "precision": ("dtype", "bf16", "fp16", "fp8"),
    "devices": ("gpus", "num_gpus", "n_gpus", "world_size"),
    "layers": ("num_layers", "n_layers", "n_layer", "num_hidden_layers"),
    "hidden": ("hidden_size", "d_model", "n_embd"),
    "heads": ("num_attention_heads", "n_heads", "n_head"),
    "kv_heads": ("num_query_groups", "num_key_value_heads", "n_kv_heads"),
    "head_dim": ("kv_channels",),
    "ffn_hidden": ("ffn_hidden_size", "intermediate_size", "d_ff"),
    "vocab": ("vocab_size", "padded_vocab_size"),
    "max_sequence": ("max_position_embeddings",),
    "experts": ("num_experts", "num_local_experts", "n_routed_experts"),
    "experts_per_token": ("moe_router_topk", "num_experts_per_tok"),
}
"""What other tools call a key: options of Megatron-LM, DeepSpeed and torchtitan, fields of config.json files."""
_CALLED = {other: key for key, others in _OTHER_NAMES.items() for other in others}

_OTHER_VALUES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "schedule": {
        "interleaved": ("interleaved1f1b",),
        "zb-h1": ("zb1p", "zbh1", "zerobubble"),
        "zb-h2": ("zb2p", "zbh2"),
        "zb-v": ("zbvzerobubble", "zbv"),
    },
}
"""What other tools call a value of a key, plain: schedules of torch.distributed.pipelining and of the forks of Megatron
for zero bubbles. What differs by upper case only is found without it."""
_CALLED_VALUES = {
    key: {other: value for value, others in values.items() for other in others} for key, values in _OTHER_VALUES.items()
}
_ORDER = "the order of ranks is rank_order, a figure of the stack: docs/plans.md"
_SAID_ELSEWHERE: Mapping[tuple[str, ...], str] = {
    ("system", "plan", key): _ORDER for key in ("rank_order", "order", "use_tp_pp_dp_mapping")
}


def usual_name(key: str) -> str:
    """The name that this format has for what other tools call otherwise; any other key as it is."""
    return _CALLED.get(_plain(key), key)


def usual_value(key: str, value: str) -> str:
    """The same for a value of a key: what schedules are called elsewhere."""
    return _CALLED_VALUES.get(key, {}).get(_plain(value).replace("_", ""), value)


def not_a_key(table: tuple[str, ...], key: str) -> str:
    """What a key is that people look for in a table, and that is said elsewhere; empty for any other key."""
    return _SAID_ELSEWHERE.get((*table, _plain(key)), "")


def _plain(name: str) -> str:
    return name.lower().lstrip("-").replace("-", "_")
