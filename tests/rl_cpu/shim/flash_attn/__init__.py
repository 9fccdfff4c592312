"""Stand-in for flash-attn, which needs CUDA: only the names that OpenRLHF imports, to be used with packed samples."""
