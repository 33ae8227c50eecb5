package docs

// The languages of the site. English stands at the top, Portuguese in a folder of its own.
const (
	english    = "en"
	portuguese = "pt-BR"
)

// A section of the table of contents, with its title in both languages.
type section struct {
	en, pt  string
	entries []entry
}

// An entry is a page of the table of contents: its file in docs/, and its title in both languages. Whether a page is there
// in Portuguese its file in docs/pt-BR says; one that must be is both.
type entry struct {
	file, en, pt string
	both         bool
}

// contents is the table of contents. A page of docs/ that is not named here stands at the end of it, under More, by its
// heading; decisions stand in no table, and are linked to.
var contents = []section{
	{"Begin", "Comece aqui", []entry{
		{"README.md", "Overview", "Visão geral", true},
		{"quick-start.md", "Quick start", "Início rápido", true},
		{"develop.md", "Local development", "Desenvolvimento local", true},
		{"concepts.md", "Concepts", "Conceitos", true},
		{"import.md", "Import", "Importação", false},
		{"circuits.md", "Circuits", "Circuitos", true}, //nolint:misspell // Portuguese
		{"operator-events.md", "Operator events", "Eventos do operador", true},
		{"comparison.md", "Comparison", "Comparação", true},
	}},
	{"Operate", "Operação", []entry{
		{"operating.md", "Operating", "Operação", true},
		{"configuration.md", "Configuration", "Configuração", false},
		{"ingest.md", "Events from CloudEvents and brokers", "Eventos de CloudEvents e de brokers", false},
		{"environments.md", "Environments and tokens", "Ambientes e tokens", false},
		{"scaling.md", "Scaling", "Escala", true},
		{"metrics.md", "Metrics", "Métricas", false},
		{"security.md", "Security", "Segurança", true},
		{"limits.md", "Limits", "Limites", true},
		{"troubleshooting.md", "Troubleshooting", "Solução de problemas", true}, //nolint:misspell // Portuguese
	}},
	{"Reference", "Referência", []entry{
		{"reference/README.md", "API reference", "Referência da API", false},
		{"reference/agent-webhooks.md", "Agent webhooks", "Webhooks de agentes", false},
		{"reference/campaign-webhooks.md", "Campaign webhooks", "Webhooks de campanhas", false},
		{"reference/operators-webhooks.md", "Operators' webhooks", "Webhooks do operador", false},
		{"reference/delivery-logs.md", "Delivery logs", "Log de entregas", false},
		{"reference/bulk-retries.md", "Bulk retries", "Reenvios em massa", false},
		{"reference/events.md", "Events", "Eventos", false},
		{"reference/agents.md", "Agents", "Agentes", false},
		{"reference/campaigns.md", "Campaigns", "Campanhas", false},
		{"reference/overview.md", "Overview and sessions", "Visão geral e sessões", false},
		{"reference/audit-log.md", "Audit log", "Log de auditoria", false},
		{"reference/administration.md", "Administration", "Administração", false},
		{"reference/schemas.md", "Schemas", "Esquemas", false},
		{"reference/errors.md", "Errors", "Erros", false},
		{"architecture.md", "Architecture", "Arquitetura", false},
		{"attempts.md", "The life of an attempt", "A vida de uma tentativa", false},
		{"contract-notes.md", "Notes on the contract", "Notas sobre o contrato", false},
		{"performance.md", "Performance", "Desempenho", false},
		{"reliability.md", "Reliability", "Confiabilidade", false},
	}},
}

// The words of the layout that are not a page's.
var words = map[string]map[string]string{
	english: {
		"site": "Carteiro documentation", "contents": "Contents", "language": "Language",
		"more": "More", "plain": "This page as Markdown",
	},
	portuguese: {
		"site": "Documentação do Carteiro", "contents": "Sumário", "language": "Idioma",
		"more": "Mais", "plain": "Esta página em Markdown",
	},
}
