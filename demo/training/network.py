"""Whisper in PyTorch, under OpenAI's weight names, with what training adds: a CTC head and guided cross-attention."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from demo.training.checkpoint import HEAD_FEATURES, Checkpoint

FEATURES = 128
LAYERS = 4
MELS = 80
AUDIO_POSITIONS = 1500
TEXT_POSITIONS = 448
# The decoder's upper layers learn where words are spoken; how far they may look for free, in encoder frames.
GUIDED_LAYERS = range(LAYERS // 2, LAYERS)
GUIDE_WIDTH = 12.0


class Attention(nn.Module):
    """Multi-head attention; Whisper's keys have no bias."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(FEATURES, FEATURES)
        self.key = nn.Linear(FEATURES, FEATURES, bias=False)
        self.value = nn.Linear(FEATURES, FEATURES)
        self.out = nn.Linear(FEATURES, FEATURES)

    def forward(self, x: Tensor, source: Tensor, *, causal: bool = False) -> Tensor:
        """From x, shape (batch, length, features), look at the source."""
        query, key, value = self._heads(self.query(x)), self._heads(self.key(source)), self._heads(self.value(source))
        return self._merge(functional.scaled_dot_product_attention(query, key, value, is_causal=causal))

    def weighted(self, x: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        """As `forward`, with the attention weights, shape (batch, heads, length, source length)."""
        query, key, value = self._heads(self.query(x)), self._heads(self.key(source)), self._heads(self.value(source))
        weights = ((query @ key.transpose(-1, -2)).float() * HEAD_FEATURES**-0.5).softmax(-1)
        return self._merge(weights.to(value.dtype) @ value), weights

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (-1, HEAD_FEATURES)).transpose(1, 2)

    def _merge(self, x: Tensor) -> Tensor:
        return self.out(x.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """A layer of the encoder or, with cross-attention, of the decoder."""

    def __init__(self, *, cross: bool) -> None:
        super().__init__()
        self.attn = Attention()
        self.attn_ln = nn.LayerNorm(FEATURES)
        self.cross_attn = Attention() if cross else None
        self.cross_attn_ln = nn.LayerNorm(FEATURES) if cross else None
        self.mlp = nn.Sequential(nn.Linear(FEATURES, 4 * FEATURES), nn.GELU(), nn.Linear(4 * FEATURES, FEATURES))
        self.mlp_ln = nn.LayerNorm(FEATURES)


class Encoder(nn.Module):
    """Mel spectrogram to audio features."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(MELS, FEATURES, 3, padding=1)
        self.conv2 = nn.Conv1d(FEATURES, FEATURES, 3, stride=2, padding=1)
        self.positional_embedding = nn.Parameter(torch.randn(AUDIO_POSITIONS, FEATURES) * 0.02)
        self.blocks = nn.ModuleList(Block(cross=False) for _ in range(LAYERS))
        self.ln_post = nn.LayerNorm(FEATURES)

    def forward(self, mel: Tensor, offset: int = 0) -> Tensor:
        """Features, shape (batch, frames, features), of mels (batch, 80, 2 x frames) that begin at a position."""
        x = functional.gelu(self.conv2(functional.gelu(self.conv1(mel)))).transpose(1, 2)
        x = (x + self.positional_embedding[offset : offset + x.shape[1]]).to(x.dtype)
        for block in self.blocks:
            normed = block.attn_ln(x)
            x = x + block.attn(normed, normed)
            x = x + block.mlp(block.mlp_ln(x))
        return self.ln_post(x)


class Decoder(nn.Module):
    """Tokens and audio features to logits over the compact vocabulary."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(vocabulary, FEATURES)
        nn.init.normal_(self.token_embedding.weight, std=0.05)
        self.positional_embedding = nn.Parameter(torch.randn(TEXT_POSITIONS, FEATURES) * 0.02)
        self.blocks = nn.ModuleList(Block(cross=True) for _ in range(LAYERS))
        self.ln = nn.LayerNorm(FEATURES)

    def forward(self, tokens: Tensor, audio: Tensor, guide: Tensor) -> tuple[Tensor, Tensor]:
        """Logits, shape (batch, length, vocabulary), and how far the guided layers look from `guide`, 0 to 1.

        `guide`, shape (batch, length), is the audio frame in which the token that follows is spoken; below 0: none.
        """
        x = self.token_embedding(tokens) + self.positional_embedding[: tokens.shape[1]]
        guided = (guide >= 0).float()
        distance = torch.arange(audio.shape[1]) - guide[:, :, None]
        cost = 1 - torch.exp(-(distance**2) / (2 * GUIDE_WIDTH**2))
        penalty = torch.zeros(())
        for number, block in enumerate(self.blocks):
            normed = block.attn_ln(x)
            x = x + block.attn(normed, normed, causal=True)
            if number in GUIDED_LAYERS:
                looked, weights = block.cross_attn.weighted(block.cross_attn_ln(x), audio)
                missed = (weights * cost[:, None]).sum(-1).mean(1)
                penalty = penalty + (missed * guided).sum() / guided.sum().clamp(min=1) / len(GUIDED_LAYERS)
            else:
                looked = block.cross_attn(block.cross_attn_ln(x), audio)
            x = x + looked
            x = x + block.mlp(block.mlp_ln(x))
        return self.ln(x) @ self.token_embedding.weight.T, penalty


class Network(nn.Module):
    """Encoder, decoder, and the head that spells the encoder's features for CTC."""

    def __init__(self, *, vocabulary: int, characters: int) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder(vocabulary)
        self.ctc = nn.Linear(FEATURES, characters + 1)
        self.hold_constant_feature()

    @classmethod
    def load(cls, checkpoint: Checkpoint) -> "Network":
        """The network of a checkpoint."""
        network = cls(vocabulary=len(checkpoint.ids), characters=len(checkpoint.characters))
        network.load_state_dict({name: torch.from_numpy(array) for name, array in checkpoint.weights.items()})
        return network

    def weights(self) -> dict[str, np.ndarray]:
        """The weights as a checkpoint holds them."""
        return {name: tensor.detach().numpy().copy() for name, tensor in self.state_dict().items()}

    @torch.no_grad()
    def hold_constant_feature(self) -> None:
        """Keep feature 0 after the decoder's last norm at 1: the export puts untaught tokens on it."""
        norm = self.decoder.ln
        norm.weight[0], norm.bias[0] = 0, 1
        for parameter in (norm.weight, norm.bias):
            if parameter.grad is not None:
                parameter.grad[0] = 0
