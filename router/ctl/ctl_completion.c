/* Both scripts walk the line the same way: flags and their values are skipped, what remains are the
 * words of the command; what may follow them is in a table that is written out here. Where an edge
 * is wanted, the router is asked for their names. */
#include "router/ctl/ctl_completion.h"

#include "router/ctl/ctl_args.h"
#include "router/ctl/ctl_help.h"

#include <string.h>

static size_t first_len(const char *words)
{
    return strcspn(words, " ");
}

/* Whether an earlier command begins with the same word. */
static bool seen_before(size_t index)
{
    const char *words = ctl_command_specs[index].words;
    size_t len = first_len(words);
    for (size_t i = 0; i < index; i++) {
        const char *other = ctl_command_specs[i].words;
        if (first_len(other) == len && strncmp(other, words, len) == 0) {
            return true;
        }
    }
    return false;
}

static void append_first_words(struct buf *out)
{
    for (size_t i = 0; i < CTL_COMMAND_COUNT; i++) {
        const char *words = ctl_command_specs[i].words;
        if (!seen_before(i)) {
            buf_append_str(out, " ");
            buf_append(out, bytes_of(words, first_len(words)));
        }
    }
}

/* The second words of the commands that begin as this one does. */
static void append_second_words(size_t index, struct buf *out)
{
    const char *words = ctl_command_specs[index].words;
    size_t len = first_len(words);
    for (size_t i = index; i < CTL_COMMAND_COUNT; i++) {
        const char *other = ctl_command_specs[i].words;
        if (first_len(other) == len && strncmp(other, words, len) == 0 && other[len] == ' ') {
            buf_append_str(out, " ");
            buf_append_str(out, other + len + 1);
        }
    }
}

/* True for those with an operand that names an edge. */
static bool wants_edge(const struct ctl_command_spec *spec)
{
    return strcmp(spec->words, "edge") == 0 || strcmp(spec->words, "drain") == 0;
}

static void append_flags_with_values(const char *separator, struct buf *out)
{
    bool first = true;
    for (size_t i = 0; i < ctl_program.spec_count; i++) {
        if (ctl_program.specs[i].type != OPTION_BOOL) {
            buf_append_str(out, first ? "--" : separator);
            buf_append_str(out, first ? "" : "--");
            buf_append_str(out, ctl_program.specs[i].name);
            first = false;
        }
    }
}

static void append_flags(struct buf *out)
{
    for (size_t i = 0; i < ctl_program.spec_count; i++) {
        buf_append_str(out, " --");
        buf_append_str(out, ctl_program.specs[i].name);
    }
    buf_append_str(out, " --help --version");
}

/* A case arm for each first word: what may follow it. */
static void append_arms(const char *indent, const char *set, struct buf *out)
{
    for (size_t i = 0; i < CTL_COMMAND_COUNT; i++) {
        const char *words = ctl_command_specs[i].words;
        bool two = words[first_len(words)] == ' ';
        if (seen_before(i) ||
            (!two && !wants_edge(&ctl_command_specs[i]) && strcmp(words, "completion") != 0)) {
            continue;
        }
        buf_append_str(out, indent);
        buf_append(out, bytes_of(words, first_len(words)));
        buf_append_str(out, ") ");
        buf_append_str(out, set);
        if (two) {
            append_second_words(i, out);
        } else if (strcmp(words, "completion") == 0) {
            buf_append_str(out, " bash zsh");
        } else {
            buf_append_str(out, " $(splitrailctl edges 2>/dev/null |"
                                " awk '/^$/ { exit } NR > 1 { print $1 }')");
        }
        buf_append_str(out, "\" ;;\n");
    }
}

static void bash(struct buf *out)
{
    buf_append_str(out,
                   "# bash completion of splitrailctl; written by: splitrailctl completion bash\n"
                   "_splitrailctl() {\n"
                   "    local cur=${COMP_WORDS[COMP_CWORD]} candidates= word skip= i\n"
                   "    local -a found=()\n"
                   "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                   "        word=${COMP_WORDS[i]}\n"
                   "        if [ -n \"$skip\" ]; then skip=; continue; fi\n"
                   "        case $word in\n"
                   "        ");
    append_flags_with_values("|", out);
    buf_append_str(out, ") skip=yes ;;\n"
                        "        -*) ;;\n"
                        "        *) found+=(\"$word\") ;;\n"
                        "        esac\n"
                        "    done\n"
                        "    COMPREPLY=()\n"
                        "    [ -z \"$skip\" ] || return 0\n"
                        "    if [[ $cur == -* ]]; then\n"
                        "        candidates=\"");
    append_flags(out);
    buf_append_str(out, "\"\n"
                        "    elif [ ${#found[@]} -eq 0 ]; then\n"
                        "        candidates=\"");
    append_first_words(out);
    buf_append_str(out, "\"\n"
                        "    elif [ ${#found[@]} -eq 1 ]; then\n"
                        "        case ${found[0]} in\n");
    append_arms("        ", "candidates=\"", out);
    buf_append_str(out, "        esac\n"
                        "    fi\n"
                        "    mapfile -t COMPREPLY < <(compgen -W \"$candidates\" -- \"$cur\")\n"
                        "}\n"
                        "complete -F _splitrailctl splitrailctl\n");
}

static void zsh(struct buf *out)
{
    buf_append_str(out,
                   "#compdef splitrailctl\n"
                   "# zsh completion of splitrailctl; written by: splitrailctl completion zsh\n"
                   "_splitrailctl() {\n"
                   "    local word skip= candidates= i\n"
                   "    local -a found\n"
                   "    found=()\n"
                   "    for ((i = 2; i < CURRENT; i++)); do\n"
                   "        word=${words[i]}\n"
                   "        if [[ -n $skip ]]; then skip=; continue; fi\n"
                   "        case $word in\n"
                   "        ");
    append_flags_with_values("|", out);
    buf_append_str(out, ") skip=yes ;;\n"
                        "        -*) ;;\n"
                        "        *) found+=(\"$word\") ;;\n"
                        "        esac\n"
                        "    done\n"
                        "    [[ -z $skip ]] || return 1\n"
                        "    if [[ ${words[CURRENT]} == -* ]]; then\n"
                        "        candidates=\"");
    append_flags(out);
    buf_append_str(out, "\"\n"
                        "    elif ((${#found} == 0)); then\n"
                        "        candidates=\"");
    append_first_words(out);
    buf_append_str(out, "\"\n"
                        "    elif ((${#found} == 1)); then\n"
                        "        case ${found[1]} in\n");
    append_arms("        ", "candidates=\"", out);
    buf_append_str(out, "        esac\n"
                        "    fi\n"
                        "    compadd -- ${=candidates}\n"
                        "}\n"
                        "if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then\n"
                        "    _splitrailctl \"$@\"\n"
                        "else\n"
                        "    compdef _splitrailctl splitrailctl\n"
                        "fi\n");
}

bool ctl_completion(const char *shell, struct buf *out)
{
    if (strcmp(shell, "bash") == 0) {
        bash(out);
        return true;
    }
    if (strcmp(shell, "zsh") == 0) {
        zsh(out);
        return true;
    }
    return false;
}
