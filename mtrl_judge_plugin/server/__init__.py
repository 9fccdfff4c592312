"""The judge behind OpenAI's chat protocol: `mtrl-judge serve`."""
