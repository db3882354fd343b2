"""ResNets of the CIFAR kind (He et al. 2016, section 4.2) for transformers, which does not have them: load with `trust_remote_code=True`.

Three stages of basic blocks; where a stage halves the image, its shortcut takes every second pixel and fills up the channels with zeros (option A).
"""

import torch
from torch import nn
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import ImageClassifierOutputWithNoAttention


class CifarResNetConfig(PretrainedConfig):
    model_type = "resnet_cifar"

    def __init__(self, num_channels=3, embedding_size=16, hidden_sizes=(16, 32, 64), depths=(3, 3, 3), **others):
        super().__init__(**others)
        self.num_channels = num_channels
        self.embedding_size = embedding_size
        self.hidden_sizes = list(hidden_sizes)
        self.depths = list(depths)


class Block(nn.Module):
    def __init__(self, features, out, step):
        super().__init__()
        self.conv1 = nn.Conv2d(features, out, 3, step, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.step, self.more = step, out - features

    def shortcut(self, x):
        if self.step == 1 and self.more == 0:
            return x
        before = self.more // 2
        return nn.functional.pad(x[:, :, :: self.step, :: self.step], (0, 0, 0, 0, before, self.more - before))

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class CifarResNetForImageClassification(PreTrainedModel):
    config_class = CifarResNetConfig
    main_input_name = "pixel_values"

    def __init__(self, config):
        super().__init__(config)
        self.conv1 = nn.Conv2d(config.num_channels, config.embedding_size, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(config.embedding_size)
        features = config.embedding_size
        for stage, (out, depth) in enumerate(zip(config.hidden_sizes, config.depths)):
            blocks = []
            for layer in range(depth):
                blocks.append(Block(features, out, 2 if stage > 0 and layer == 0 else 1))
                features = out
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.linear = nn.Linear(features, config.num_labels)
        self.post_init()

    def forward(self, pixel_values, labels=None, **others):
        x = torch.relu(self.bn1(self.conv1(pixel_values)))
        x = self.layer3(self.layer2(self.layer1(x)))
        logits = self.linear(x.mean((2, 3)))
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return ImageClassifierOutputWithNoAttention(loss=loss, logits=logits)
