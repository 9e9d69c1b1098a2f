/* See judge_rule.h. */
#include "tests/judge/judge_rule.h"

#include <assert.h>

const char *judge_rule_text(enum judge_rule rule)
{
    static const char *const texts[] = {
        "",
#define RULE(id, text) text,
#include "tests/judge/judge_rules.def"
#undef RULE
    };
    assert(rule < JUDGE_RULES);
    return texts[rule];
}
