"""From a photo or a question to an answer: vision, rules, answer."""
