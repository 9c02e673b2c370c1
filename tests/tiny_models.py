"""Tiny checkpoints, written by the real classes: random weights, the published layout of files."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

TEXT = """
a an the red green blue yellow circle square cat dog sky sunset make it warmer black and white on background
picture of in with . , object system user assistant
"""
WORDS = TEXT.split()


def flux(folder: Path, seed: int = 0) -> Path:
    """A FLUX.2 Klein pipeline of some 60,000 parameters."""
    import torch
    from diffusers import (
        AutoencoderKLFlux2,
        FlowMatchEulerDiscreteScheduler,
        Flux2KleinPipeline,
        Flux2Transformer2DModel,
    )
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(seed)
    hidden = 8
    encoder = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=64, hidden_size=hidden, intermediate_size=16, num_hidden_layers=28, num_attention_heads=2,
            num_key_value_heads=1, head_dim=4, max_position_embeddings=64,
        )
    )  # fmt: skip
    transformer = Flux2Transformer2DModel(
        patch_size=1, in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=3 * hidden, timestep_guidance_channels=16, axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=False,
    )  # fmt: skip
    vae = AutoencoderKLFlux2(
        in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(4, 4, 4, 4), layers_per_block=1,
        norm_num_groups=2, down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    )  # fmt: skip
    pipeline = Flux2KleinPipeline(
        FlowMatchEulerDiscreteScheduler(), vae, encoder, _chat_tokenizer(), transformer, is_distilled=True
    )
    pipeline.save_pretrained(folder)
    return folder


def _chat_tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import Qwen2TokenizerFast

    vocabulary = {word: number for number, word in enumerate(("<unk>", "<pad>", *dict.fromkeys(WORDS)))}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = Qwen2TokenizerFast(tokenizer_object=inner, unk_token="<unk>", pad_token="<pad>", eos_token="<pad>")
    tokenizer.chat_template = "{% for m in messages %}{{ m['role'] }} {{ m['content'] }} {% endfor %}assistant"
    return tokenizer


_PUBLISHED = {
    "x_embedder": "img_in",
    "context_embedder": "txt_in",
    "time_guidance_embed.timestep_embedder.linear_1": "time_in.in_layer",
    "time_guidance_embed.timestep_embedder.linear_2": "time_in.out_layer",
    "double_stream_modulation_img.linear": "double_stream_modulation_img.lin",
    "double_stream_modulation_txt.linear": "double_stream_modulation_txt.lin",
    "single_stream_modulation.linear": "single_stream_modulation.lin",
    "norm_out.linear": "final_layer.adaLN_modulation.1",
    "proj_out": "final_layer.linear",
    "attn.norm_q": "img_attn.norm.query_norm",
    "attn.norm_k": "img_attn.norm.key_norm",
    "attn.to_out.0": "img_attn.proj",
    "ff.linear_in": "img_mlp.0",
    "ff.linear_out": "img_mlp.2",
    "attn.norm_added_q": "txt_attn.norm.query_norm",
    "attn.norm_added_k": "txt_attn.norm.key_norm",
    "attn.to_add_out": "txt_attn.proj",
    "ff_context.linear_in": "txt_mlp.0",
    "ff_context.linear_out": "txt_mlp.2",
}
"""Names of the transformer's parts in diffusers → in the publisher's single file."""

_PUBLISHED_SINGLE = {
    "attn.to_qkv_mlp_proj": "linear1",
    "attn.to_out": "linear2",
    "attn.norm_q": "norm.query_norm",
    "attn.norm_k": "norm.key_norm",
}


def published_transformer(pipeline: Path, file: Path) -> Path:
    """The transformer of a pipeline as one file in the publisher's layout."""
    import torch
    from safetensors.torch import load_file, save_file

    state = load_file(pipeline / "transformer" / "diffusion_pytorch_model.safetensors")
    written: dict[str, Any] = {}
    for name, value in state.items():
        part, _, kind = name.rpartition(".")
        block, within = "", part
        for prefix, other in (
            ("single_transformer_blocks.", "single_blocks."),
            ("transformer_blocks.", "double_blocks."),
        ):
            if part.startswith(prefix):
                number, _, within = part.removeprefix(prefix).partition(".")
                block = f"{other}{number}."
                break
        if within in ("attn.to_k", "attn.to_v", "attn.add_k_proj", "attn.add_v_proj"):
            continue
        if within in ("attn.to_q", "attn.add_q_proj"):
            others = [name.replace("_q", f"_{letter}") for letter in "qkv"]
            within = "img_attn.qkv" if within == "attn.to_q" else "txt_attn.qkv"
            value = torch.cat([state[other] for other in others])
        else:
            within = (_PUBLISHED_SINGLE if block.startswith("single") else _PUBLISHED)[within]
        if within == "final_layer.adaLN_modulation.1":
            value = torch.cat(list(reversed(value.chunk(2))))
        written[f"{block}{within}.{'scale' if within.endswith('_norm') else kind}"] = value.contiguous()
    save_file(written, file)
    return file


def sam(folder: Path) -> Path:
    """A SAM of some 30,000 parameters that sees pictures at 64 × 64."""
    import torch
    from transformers import SamConfig, SamMaskDecoderConfig, SamModel, SamPromptEncoderConfig, SamVisionConfig

    torch.manual_seed(0)
    vision = SamVisionConfig(
        hidden_size=16, output_channels=16, num_hidden_layers=1, num_attention_heads=2, image_size=64, patch_size=16,
        window_size=2, global_attn_indexes=[0], mlp_dim=16, num_pos_feats=8,
    )  # fmt: skip
    prompt = SamPromptEncoderConfig(hidden_size=16, image_size=64, patch_size=16, mask_input_channels=4)
    decoder = SamMaskDecoderConfig(
        hidden_size=16, mlp_dim=16, num_hidden_layers=1, num_attention_heads=2, iou_head_hidden_dim=16
    )
    config = SamConfig(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder)
    SamModel(config).save_pretrained(folder)
    size = {"longest_edge": 64}
    _write(folder / "preprocessor_config.json", {
        "image_processor_type": "SamImageProcessor", "size": size, "pad_size": {"height": 64, "width": 64},
        "mask_size": {"longest_edge": 16}, "mask_pad_size": {"height": 16, "width": 16},
        "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "do_pad": True, "do_resize": True,
        "do_normalize": True, "do_rescale": True, "do_convert_rgb": True, "rescale_factor": 1 / 255, "resample": 2,
    })  # fmt: skip
    return folder


def sam2(folder: Path) -> Path:
    """A SAM 2 of some 60,000 parameters that sees pictures at 64 × 64."""
    from transformers import Sam2Config, Sam2Model

    Sam2Model(Sam2Config(**_sam2_parts())).save_pretrained(folder)
    return folder


def sam2_video(folder: Path) -> Path:
    """The same as the model for videos, which is how SAM 2 is published."""
    from transformers import Sam2VideoConfig, Sam2VideoModel

    memory = {
        "memory_attention_hidden_size": 16, "memory_attention_num_layers": 1, "memory_attention_num_attention_heads": 1,
        "memory_attention_feed_forward_hidden_size": 16, "memory_attention_rope_feat_sizes": [4, 4],
        "memory_encoder_hidden_size": 16, "memory_encoder_output_channels": 8, "memory_fuser_num_layers": 1,
        "memory_fuser_embed_dim": 16, "memory_fuser_intermediate_dim": 16, "mask_downsampler_embed_dim": 16,
    }  # fmt: skip
    Sam2VideoModel(Sam2VideoConfig(**_sam2_parts(), **memory, image_size=64)).save_pretrained(folder)
    return folder


def _sam2_parts() -> dict[str, Any]:
    import torch
    from transformers import (
        Sam2HieraDetConfig,
        Sam2MaskDecoderConfig,
        Sam2PromptEncoderConfig,
        Sam2VisionConfig,
    )

    torch.manual_seed(0)
    backbone = Sam2HieraDetConfig(
        hidden_size=8, num_attention_heads=1, image_size=[64, 64], blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64], num_attention_heads_per_stage=[1, 2, 4, 8],
        window_size_per_stage=[8, 4, 4, 4], window_positional_embedding_background_size=[4, 4],
        global_attention_blocks=[3],
    )  # fmt: skip
    vision = Sam2VisionConfig(
        backbone_config=backbone, backbone_channel_list=[64, 32, 16, 8], fpn_hidden_size=16,
        backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
    )  # fmt: skip
    prompt = Sam2PromptEncoderConfig(hidden_size=16, image_size=64, patch_size=16, mask_input_channels=4)
    decoder = Sam2MaskDecoderConfig(
        hidden_size=16, mlp_dim=16, num_hidden_layers=1, num_attention_heads=2, iou_head_hidden_dim=16
    )
    return {"vision_config": vision, "prompt_encoder_config": prompt, "mask_decoder_config": decoder}


def grounding_dino(folder: Path) -> Path:
    """A Grounding DINO of some 100,000 parameters that sees pictures at 64 pixels."""
    import torch
    from transformers import (
        BertConfig,
        BertTokenizerFast,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        GroundingDinoImageProcessorPil,
        GroundingDinoProcessor,
        SwinConfig,
    )

    torch.manual_seed(0)
    words = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(WORDS), "?")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(words), "utf-8")
    tokenizer = BertTokenizerFast(vocab={word: number for number, word in enumerate(words)})
    backbone = SwinConfig(
        embed_dim=8, depths=[1, 1, 1], num_heads=[1, 2, 2], window_size=2, image_size=64, patch_size=4,
        out_features=["stage1", "stage2", "stage3"],
    )  # fmt: skip
    text = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=64,
    )  # fmt: skip
    config = GroundingDinoConfig(
        backbone_config=backbone, text_config=text, num_queries=12, encoder_layers=1, encoder_ffn_dim=16,
        encoder_attention_heads=2, decoder_layers=2, decoder_ffn_dim=16, decoder_attention_heads=2, d_model=32,
        max_text_len=64,
    )  # fmt: skip
    GroundingDinoForObjectDetection(config).save_pretrained(folder)
    size = {"shortest_edge": 64, "longest_edge": 128}
    GroundingDinoProcessor(GroundingDinoImageProcessorPil(size=size), tokenizer).save_pretrained(folder)
    return folder


def esrgan(file: Path, scale: int = 4, blocks: int = 1, features: int = 8) -> Path:
    """The weights of an RRDBNet (x4plus has 23 blocks of 64), named as Real-ESRGAN's are; pickled in a .pth file."""
    import torch

    generator = torch.Generator().manual_seed(0)
    state: dict[str, Any] = {}

    def convolution(name: str, inputs: int, outputs: int) -> None:
        weight = torch.randn(outputs, inputs, 3, 3, generator=generator)
        state[f"{name}.weight"] = weight / (9 * inputs) ** 0.5
        state[f"{name}.bias"] = torch.zeros(outputs)

    growth = 32
    convolution("conv_first", 3, features)
    for block, dense, number in itertools.product(range(blocks), (1, 2, 3), range(1, 6)):
        inputs = features + (number - 1) * growth
        convolution(f"body.{block}.rdb{dense}.conv{number}", inputs, features if number == 5 else growth)
    for name in ("conv_body", "conv_up1", *(["conv_up2"] if scale == 4 else []), "conv_hr"):
        convolution(name, features, features)
    convolution("conv_last", features, 3)
    state["conv_last.bias"] += 0.5
    if file.suffix == ".pth":
        torch.save({"params_ema": state}, file)
    else:
        from safetensors.torch import save_file

        save_file(state, file)
    return file


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), "utf-8")
