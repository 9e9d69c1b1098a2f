/* The rules by name. A check gives JUDGE_HOLDS or the rule that was broken. Pure. */
#ifndef TESTS_JUDGE_RULE_H
#define TESTS_JUDGE_RULE_H

enum judge_rule {
    JUDGE_HOLDS = 0,
#define RULE(id, text) JUDGE_##id,
#include "tests/judge/judge_rules.def"
#undef RULE
    JUDGE_RULES /* how many */
};

/* What was seen; "" for JUDGE_HOLDS. A static string. */
const char *judge_rule_text(enum judge_rule rule);

#endif
