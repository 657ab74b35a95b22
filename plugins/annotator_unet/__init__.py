"""The reference network: a compact U-Net that trains on two CPU cores."""

from annotator_unet.network import UNet, UNetFactory

__all__ = ["UNet", "UNetFactory"]
