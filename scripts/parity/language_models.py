"""Writes tests/data/language_models: tiny random decoders of every architecture as GGUF files, with the logits and token ids of transformers.

    python scripts/parity/language_models.py      (needs transformers 5.23, torch, gguf 0.19 and sentencepiece)

Every folder holds model.gguf, laid out as llama.cpp's converter does it (query and key rows of llama in pairs, 1 added to the norms of
gemma, factors of frequencies as tensors), case.json (sequences of token ids, ids of texts) and expected.safetensors (the logits that follow
each sequence). Logits are those of the transformers model whose weights were written; where transformers reads the same GGUF file to the
same settings, its own loading is compared too and the difference printed.
"""
import copy
import json
import pathlib
import shutil
import tempfile
import warnings

import gguf
import numpy
import sentencepiece
import torch
import transformers
from gguf.constants import GGMLQuantizationType
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers
from tokenizers.decoders import ByteLevel

warnings.filterwarnings("ignore")
transformers.logging.set_verbosity_error()
ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "data"
OUT = ROOT / "language_models"
CORPUS = [text for text in json.loads((ROOT / "tokenizers" / "texts.json").read_text())["texts"] if len(text) < 120]
TEXTS = [
    "a", "?", "The ferry leaves at seven.", "the FERRY Leaves AT seven", "I'd say it's late, don't you think?", "WE'LL SEE, THEY'VE LEFT",
    "two  spaces   three    four", "line one\nline two\r\nline three", "tab\tseparated\tvalues", "a blank\n\n\n  line, indented",
    "non\u00a0breaking\u2003space", "zero\u200bwidth joiner", "unhappiness reopening internationalisation", "café naïve Köln Straße",
    "ÉCOLE ÇA ŒUVRE", "Привет, Ёлка и ёж", "مرحبا بالعالم", "नमस्ते दुनिया", "東京の天気は今日も晴れです。", "한국어 문장입니다", "😀 I ❤️ this 👍🏽",
    "«quotes» “curly” — dash", "1,234,567.89 0x1F600 3.5% €43.20", "12345 678 9 10", "http://example.org/a?b=c&d=1#e", "C:\\files\\a.txt a_b-c.d/e x=1;y=2",
    "word" + "!" * 20, "snake_case camelCase HTTPServer", "Text: The gate is open.\nAnswer: B", "A, B, C and D (yes or no)",
]
LATIN = [text for text in CORPUS + TEXTS if all(ord(character) < 0x100 for character in text)]
CHATML = (
    "{%- for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] | trim + '<|im_end|>\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}"
    "{%- if enable_thinking is defined and enable_thinking is false %}{{ '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif %}"
)
INSTRUCT = (
    "{{ bos_token }}{%- for message in messages %}{%- if message.role == 'user' %}{{ '[INST] ' ~ message.content.strip() ~ ' [/INST]' }}"
    "{%- elif message.role == 'assistant' %}{{ ' ' ~ message.content ~ eos_token }}{%- else %}{{ raise_exception('only user and assistant') }}{%- endif %}{%- endfor %}"
)
TURNS = (
    "{{ bos_token }}{%- for message in messages %}{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\\n' + message['content'] | trim"
    " + '<end_of_turn>\\n' }}{%- endfor %}{%- if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{%- endif %}"
)
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6


class Vocabulary:
    """Tokens with types and scores or merges, and how a GGUF file says them."""

    def __init__(self, model, pre, tokens, types, bos, eos, unknown=None, scores=None, merges=None, template=None, add_prefix=None, add_bos=None):
        self.__dict__.update(locals())

    def write(self, writer):
        writer.add_tokenizer_model(self.model)
        writer.add_tokenizer_pre(self.pre)
        writer.add_token_list(self.tokens)
        writer.add_token_types(self.types)
        if self.scores:
            writer.add_token_scores(self.scores)
        if self.merges:
            writer.add_token_merges(self.merges)
        writer.add_bos_token_id(self.bos)
        writer.add_eos_token_id(self.eos)
        if self.unknown is not None:
            writer.add_unk_token_id(self.unknown)
        if self.add_prefix is not None:
            writer.add_add_space_prefix(self.add_prefix)
        if self.add_bos is not None:
            writer.add_add_bos_token(self.add_bos)
        if self.template:
            writer.add_chat_template(self.template)


def byte_level(pre, splits, specials, bos, eos, user_defined=(), **more):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(splits)
    trainer = trainers.BpeTrainer(vocab_size=330, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(CORPUS + TEXTS, trainer)
    state = json.loads(tokenizer.to_str())["model"]
    vocab = sorted(state["vocab"], key=state["vocab"].get)
    merges = [" ".join(merge) for merge in state["merges"]]
    tokens = vocab + specials + list(user_defined)
    types = [NORMAL] * len(vocab) + [CONTROL] * len(specials) + [USER_DEFINED] * len(user_defined)
    return Vocabulary("gpt2", pre, tokens, types, tokens.index(bos), tokens.index(eos), merges=merges, **more)


def sentence_pieces(control, prefix, user_defined=(), **more):
    with tempfile.TemporaryDirectory() as folder:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(LATIN), model_prefix=f"{folder}/spm", model_type="bpe", vocab_size=420, byte_fallback=True, character_coverage=1.0,
            normalization_rule_name="identity", remove_extra_whitespaces=False, add_dummy_prefix=prefix, control_symbols=control, user_defined_symbols=list(user_defined),
            minloglevel=2,
        )
        processor = sentencepiece.SentencePieceProcessor(model_file=f"{folder}/spm.model")
    tokens = [processor.id_to_piece(i) for i in range(processor.get_piece_size())]

    def kind(i):
        if processor.is_unknown(i):
            return UNKNOWN
        if processor.is_control(i):
            return CONTROL
        if processor.is_byte(i):
            return BYTE
        return USER_DEFINED if tokens[i] in user_defined else NORMAL

    # Runs of spaces are written as spaces.
    spelled = [token.replace("▁", " ") if kind(i) == USER_DEFINED else token for i, token in enumerate(tokens)]
    types, scores = [kind(i) for i in range(len(tokens))], [processor.get_score(i) for i in range(len(tokens))]
    return Vocabulary("llama", "default", spelled, types, tokens.index("<s>"), tokens.index("</s>"), unknown=tokens.index("<unk>"), scores=scores, add_prefix=prefix, **more)


LEVEL = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
WORDS = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
DIGITS = pre_tokenizers.Digits(individual_digits=True)
CHAT = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def chatml(pre, user_defined=("<think>", "</think>"), splits=(WORDS,), **more):
    return byte_level(pre, list(splits), CHAT, "<|endoftext|>", "<|im_end|>", user_defined, template=CHATML, **more)


def vocabulary(kind):
    return {
        "spm": lambda: sentence_pieces([], True, template=INSTRUCT),
        "spm-plain": lambda: sentence_pieces([], True),
        "gemma": lambda: sentence_pieces(["<start_of_turn>", "<end_of_turn>"], False, ["\n\n", "▁▁▁"], template=TURNS, add_bos=True),
        "llama-bpe": lambda: byte_level("llama-bpe", [WORDS], ["<|begin|>", "<|end|>"], "<|begin|>", "<|end|>"),
        "smollm": lambda: chatml("smollm", (), (DIGITS, WORDS), add_bos=False),
        "qwen2": lambda: chatml("qwen2", add_bos=False),
        "gpt-4o": lambda: chatml("gpt-4o", add_bos=False),
    }[kind]()


def reference_tokenizer(kind, path):
    """Of transformers, which reads GGUF files too. It has no rules of its own for smollm: those of the models' tokenizer.json."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    if kind == "smollm":
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence([DIGITS, WORDS])
    return tokenizer


SIZES = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=2048,
             rms_norm_eps=1e-5, initializer_range=0.5, attn_implementation="eager")
WIDE = dict(SIZES, hidden_size=32, intermediate_size=64, head_dim=8)
LLAMA3 = dict(rope_type="llama3", rope_theta=500.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)
LONG = dict(rope_type="longrope", rope_theta=10000.0, partial_rotary_factor=0.75, short_factor=[1.0, 1.3, 2.0], long_factor=[1.0, 2.0, 4.0],
            original_max_position_embeddings=1024)
GEMMA = dict(SIZES, num_hidden_layers=7, head_dim=8, sliding_window=6, query_pre_attn_scalar=8,
             rope_parameters={"full_attention": {"rope_type": "linear", "rope_theta": 1e6, "factor": 8.0}, "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}})

T = transformers
# name -> configuration, its settings, whether the output is tied, vocabulary, type of the weights, whether transformers' own loading reads all settings
CASES = {
    "llama": (T.LlamaConfig, dict(SIZES), False, "spm", "F32", True),
    "llama3": (T.LlamaConfig, dict(SIZES, rope_parameters=LLAMA3), True, "llama-bpe", "F32", False),
    "mistral": (T.MistralConfig, dict(SIZES, head_dim=8, sliding_window=6), False, "spm-plain", "F32", False),
    "smollm": (T.LlamaConfig, dict(SIZES, num_attention_heads=3, num_key_value_heads=1, hidden_size=24), True, "smollm", "F16", True),
    "qwen2": (T.Qwen2Config, dict(SIZES), True, "qwen2", "F32", True),
    "qwen3": (T.Qwen3Config, dict(SIZES, head_dim=8, rope_parameters={"rope_type": "default", "rope_theta": 1e6}), True, "qwen2", "F32", False),
    "phi3": (T.Phi3Config, dict(SIZES, pad_token_id=0, sliding_window=6), False, "spm-plain", "F32", False),
    "phi4": (T.Phi3Config, dict(SIZES, hidden_size=32, pad_token_id=0, rope_parameters=LONG, original_max_position_embeddings=1024, partial_rotary_factor=0.75), True, "gpt-4o", "F32", False),
    "gemma3": (T.Gemma3TextConfig, GEMMA, True, "gemma", "F32", False),
    "qwen3-q8": (T.Qwen3Config, dict(WIDE, rope_parameters={"rope_type": "default", "rope_theta": 1e6}), True, "qwen2", "Q8_0", False),
    "llama-q4": (T.LlamaConfig, dict(WIDE), False, "spm", "Q4_0", True),
}


def randomize(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            gemma = "Gemma" in type(model).__name__
            parameter.copy_((0.0 if gemma else 1.0) + 0.1 * noise if "norm" in name else noise * (0.3 if "bias" not in name else 0.5))
            if "norm" not in name and "bias" not in name:
                # Numbers of 16 bits, so that files of that type hold the same weights.
                parameter.copy_(parameter.half().float())


def pairs(weight, heads):
    """Rows of each head in the order of llama.cpp, whose rotation takes neighbours."""
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.qkv_proj": "attn_qkv",
    "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "mlp.gate_up_proj": "ffn_up",
}
GEMMA_NAMES = dict(NAMES, post_attention_layernorm="post_attention_norm", pre_feedforward_layernorm="ffn_norm", post_feedforward_layernorm="post_ffw_norm")


def gguf_name(name, names):
    whole = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight", "lm_head.weight": "output.weight"}
    if name in whole:
        return whole[name]
    _, _, layer, rest = name.split(".", 3)
    part, kind = rest.rsplit(".", 1)
    return f"blk.{layer}.{names[part]}.{kind}"


def tensors(model, architecture):
    config = model.config
    for name, value in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        value = value.float().numpy()
        if architecture == "llama" and ("q_proj" in name or "k_proj" in name):
            value = pairs(value, config.num_attention_heads if "q_proj" in name else config.num_key_value_heads)
        if architecture == "gemma3" and "norm" in name:
            value = value + 1
        yield gguf_name(name, GEMMA_NAMES if architecture == "gemma3" else NAMES), value
    rope = config.rope_parameters
    if rope.get("rope_type") == "llama3":
        dim = config.hidden_size // config.num_attention_heads
        plain = 1.0 / (rope["rope_theta"] ** (numpy.arange(0, dim, 2, dtype=numpy.float32) / dim))
        yield "rope_freqs.weight", (plain / model.model.rotary_emb.inv_freq.numpy()).astype(numpy.float32)
    if rope.get("rope_type") == "longrope":
        for kind in ("short", "long"):
            yield f"rope_factors_{kind}.weight", numpy.array(rope[f"{kind}_factor"], dtype=numpy.float32)


def write_gguf(path, model, architecture, words, kind, name):
    config = model.config
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name(name)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    if architecture in ("qwen3", "gemma3") or head_dim * config.num_attention_heads != config.hidden_size:
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    rope = config.rope_parameters
    whole = rope.get("full_attention", rope)
    writer.add_rope_freq_base(whole["rope_theta"])
    writer.add_rope_dimension_count(int(head_dim * whole.get("partial_rotary_factor", 1.0)))
    if whole["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(whole["factor"])
    if whole["rope_type"] == "longrope":
        # The converter does not name the kind.
        writer.add_rope_scaling_orig_ctx_len(whole["original_max_position_embeddings"])
        writer.add_rope_scaling_attn_factors(float(model.model.rotary_emb.attention_scaling))
    if getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True):
        writer.add_sliding_window(config.sliding_window)
    words.write(writer)
    for tensor, value in tensors(model, architecture):
        if kind in ("F32", "F16") or value.ndim == 1:
            writer.add_tensor(tensor, value.astype(numpy.float16) if kind == "F16" and value.ndim == 2 else value)
        else:
            quantized = GGMLQuantizationType[kind]
            writer.add_tensor(tensor, gguf.quantize(value, quantized), raw_dtype=quantized)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def round_weights(model, kind):
    """The weights as a file of this type holds them."""
    quantized = GGMLQuantizationType[kind]
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 2:
                parameter.copy_(torch.from_numpy(gguf.dequantize(gguf.quantize(parameter.numpy(), quantized), quantized).copy()))


def logits_of(model, sequences):
    with torch.no_grad():
        return torch.stack([model(torch.tensor([ids])).logits[0, -1] for ids in sequences])


def relative(a, b):
    return float((a - b).abs().max() / b.abs().max())


def write(name, number):
    configuration, settings, tied, kind, weights, whole = CASES[name]
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    words = vocabulary(kind)
    config = configuration(**settings, vocab_size=len(words.tokens), tie_word_embeddings=tied, bos_token_id=words.bos, eos_token_id=words.eos)
    model = transformers.AutoModelForCausalLM.from_config(config).float().eval()
    randomize(model, number)
    architecture = {"llama": "llama", "mistral": "llama", "gemma3_text": "gemma3"}.get(config.model_type, config.model_type)
    path = folder / "model.gguf"
    write_gguf(path, model, architecture, words, weights, name)
    if weights not in ("F32", "F16"):
        round_weights(model, weights)

    generator = torch.Generator().manual_seed(number + 50)
    long = torch.randint(0, len(words.tokens), (40,), generator=generator).tolist()
    sequences = [long[:1], long[:2], long[:7], long[:8], long, long[10:25], long[30:33]]
    expected = logits_of(model, sequences)
    note = "-"
    if whole:
        loaded = transformers.AutoModelForCausalLM.from_pretrained(folder, gguf_file=path.name, dtype=torch.float32).eval()
        note = f"{relative(logits_of(loaded, sequences), expected):.1e}"
    save_file({"logits": expected.contiguous()}, folder / "expected.safetensors")
    tokenizer = reference_tokenizer(kind, path)
    ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in TEXTS]
    case = {"made_with": f"transformers {transformers.__version__}", "weights": weights, "sequences": sequences, "texts": TEXTS, "ids": ids}
    (folder / "case.json").write_text(json.dumps(case, ensure_ascii=False) + "\n")
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{name:10} {len(words.tokens):4} tokens {size / 1e3:6.1f} kB, logits to {float(expected.abs().max()):6.2f}, transformers' own loading {note} apart")


if __name__ == "__main__":
    for number, name in enumerate(CASES):
        write(name, number)
