package docs

import (
	"fmt"
	"strings"
)

// llmsName is the table of contents for language models, in the form of llmstxt.org.
const llmsName = "llms.txt"

// llms lists the pages as Markdown, under a path that ends with a slash or is empty.
func llms(pages map[string]*source, under string) []byte {
	var b strings.Builder
	b.WriteString("# Carteiro\n\n" +
		"> A self-hosted webhook delivery server: it takes events in over HTTP, and sends each to the webhooks that want it,\n" +
		"> signed, retried on a schedule, and logged attempt by attempt.\n\n" +
		"Every page is Markdown under the address that stands here; those in pt-BR are translations of the main ones.\n")
	for _, section := range withMore(pages) {
		fmt.Fprintf(&b, "\n## %s\n\n", section.en)
		for _, entry := range section.entries {
			if pages[entry.file] != nil {
				fmt.Fprintf(&b, "- [%s](%s%s)\n", entry.en, under, entry.file)
			}
		}
	}
	b.WriteString("\n## Optional\n\n")
	fmt.Fprintf(&b, "- [OpenAPI 3.1 document](%s%s)\n- [Decisions](%sdecisions/README.md)\n", under, documentName, under)
	for _, section := range contents {
		for _, entry := range section.entries {
			if file := inLanguage(entry.file, portuguese); pages[file] != nil {
				fmt.Fprintf(&b, "- [%s, em português](%s%s)\n", entry.pt, under, file)
			}
		}
	}
	return []byte(b.String())
}
