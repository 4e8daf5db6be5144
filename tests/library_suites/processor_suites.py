"""What transformers asks of any processor, asked of ours with the tokenizer that it trains and with T5's."""

import unittest

from library_tests.test_processing_common import ProcessorTesterMixin  # type: ignore[import-not-found]
from transformers import T5Tokenizer, ViTImageProcessorPil

from mmcot import MMCoTProcessor
from mmcot.training.tokenizer import train_tokenizer


WORDS = ("lower newer upper older longer string", "Describe this. What is the capital of France? Paris.")


class ProcessorSuite(ProcessorTesterMixin):
    """transformers' tests of a processor."""

    processor_class = MMCoTProcessor

    @classmethod
    def _setup_image_processor(cls):
        return ViTImageProcessorPil(size={"height": 16, "width": 16})


class TrainedTokenizer(ProcessorSuite, unittest.TestCase):
    @classmethod
    def _setup_tokenizer(cls):
        return train_tokenizer(WORDS, vocab_size=128)


class T5sTokenizer(ProcessorSuite, unittest.TestCase):
    @classmethod
    def _setup_tokenizer(cls):
        pieces = ["<pad>", "</s>", "<unk>", "▁", *sorted(set("".join(WORDS)) - {" "})]
        return T5Tokenizer(vocab=[(piece, 0.0) for piece in pieces], extra_ids=0)
