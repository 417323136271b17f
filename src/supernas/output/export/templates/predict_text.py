"""What may follow a text: a pattern for the helper that lies beside a language model."""

import argparse

import torch


def predict(text: str, top: int = 5) -> list[tuple[str, float]]:
    """The likeliest next words of a text with their probabilities, the likeliest first.

    Words stand between blanks; lines end with `<eos>`, and a word that the training text does not have is `<unk>`.
    """
    from network import load, vocabulary

    words = vocabulary()
    numbers = {word: number for number, word in enumerate(words)}
    given = ["<eos>", *" <eos> ".join(text.splitlines()).split()]
    read = torch.tensor([[numbers.get(word, numbers["<unk>"])] for word in given])
    with torch.inference_mode():
        logits, _ = load()(read)
    shares, places = logits[-1, 0].softmax(dim=0).topk(min(top, len(words)))
    return [(words[place], share) for place, share in zip(places.tolist(), shares.tolist(), strict=True)]


def main() -> None:
    """Prints the likeliest next words of the text that the command line gives."""
    parser = argparse.ArgumentParser(description="The likeliest next words of a text.")
    parser.add_argument("text", nargs="+", help="words with blanks between them")
    parser.add_argument("--top", type=int, default=5, help="so many words (default 5)")
    given = parser.parse_args()
    for word, share in predict(" ".join(given.text), given.top):
        print(f"  {share:6.1%}  {word}")


if __name__ == "__main__":
    main()
