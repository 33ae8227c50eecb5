// The server speaks English: its messages are part of the wire contract. Here they are said in Portuguese. What no rule
// knows is shown as it came, which is better than nothing and never wrong.

const fields: Record<string, string> = {
  name: 'nome',
  'webhook url': 'URL',
  events: 'eventos',
  'webhook secret': 'segredo',
  'signature scheme': 'esquema de assinatura',
  'generate secret': 'criar segredo',
  'header style': 'estilo dos cabeçalhos',
  overlap: 'sobreposição',
  timeout: 'tempo limite',
  'max retries': 'máximo de tentativas',
  enabled: 'ativo',
  'http method': 'método HTTP',
  'authorization scheme': 'esquema de autorização',
  'authorization value': 'credencial',
  'custom headers': 'cabeçalhos',
  'payload templates': 'modelos',
  'include call events': 'eventos de chamadas',
  'agent id': 'agente',
  status: 'status',
  from: 'início',
  to: 'fim',
  event: 'evento',
  token: 'token',
}

const field = (words: string) => {
  const [head = '', ...path] = words.split('.')
  return [fields[head] ?? head, ...path].join('.')
}

const validation: [RegExp, (part: string[]) => string][] = [
  [
    /^The (.+) field is required when authorization scheme is (.+)\.$/,
    ([f, s]) => `Obrigatório (${f}) quando a autorização é ${s}.`,
  ],
  [
    /^The (.+) field is required when (.+) is not present\.$/,
    ([f, o]) => `O campo ${f} é obrigatório sem ${field(o ?? '')}.`,
  ],
  [/^The (.+) field is required\.$/, ([f]) => `O campo ${f} é obrigatório.`],
  [/^The (.+) must be a string\.$/, ([f]) => `O campo ${f} deve ser um texto.`],
  [/^The (.+) must be an array\.$/, ([f]) => `O campo ${f} deve ser uma lista.`],
  [/^The (.+) must be an object\.$/, ([f]) => `O campo ${f} deve ser um objeto JSON.`],
  [/^The (.+) must be an integer\.$/, ([f]) => `O campo ${f} deve ser um número inteiro.`],
  [/^The (.+) field must be true or false\.$/, ([f]) => `O campo ${f} deve ser verdadeiro ou falso.`],
  [/^The (.+) must be between (\d+) and (\d+)\.$/, ([f, a, b]) => `O campo ${f} deve estar entre ${a} e ${b}.`],
  [/^The (.+) must be a valid URL\.$/, ([f]) => `O campo ${f} deve ser uma URL válida.`],
  [/^The (.+) must be a valid UUID\.$/, ([f]) => `O campo ${f} deve ser um UUID válido.`],
  [/^The (.+) must be a valid RFC 3339 time\.$/, ([f]) => `O campo ${f} deve ser uma data e hora RFC 3339.`],
  [/^The (.+) must be a valid template: (.+)\.$/, ([f, why]) => `O campo ${f} não é um modelo válido: ${why}.`],
  [
    /^The (.+) field must contain at least (\d+) items\.$/,
    ([f, n]) => `O campo ${f} deve ter pelo menos ${n} item(ns).`,
  ],
  [/^The (.+) field must contain at most (\d+) items\.$/, ([f, n]) => `O campo ${f} deve ter no máximo ${n} itens.`],
  [
    /^The (.+) must not be greater than (\d+) characters\.$/,
    ([f, n]) => `O campo ${f} não pode passar de ${n} caracteres.`,
  ],
  [
    /^The (.+) must hold between (\d+) and (\d+) bytes behind whsec_\.$/,
    ([f, a, b]) => `O campo ${f} deve ter entre ${a} e ${b} bytes depois de whsec_.`,
  ],
  [
    /^The (.+) field must not be present when (.+) is\.$/,
    ([f, o]) => `O campo ${f} não vai junto com ${field(o ?? '')}.`,
  ],
  [
    /^The (.+) has been rotated (\d+) times already within the overlap\.$/,
    ([f, n]) => `O campo ${f} já foi trocado ${n} vezes dentro da sobreposição.`,
  ],
  [/^The selected (.+) is invalid\.$/, ([f]) => `O valor escolhido para ${f} é inválido.`],
  [/^The (.+) format is invalid\.$/, ([f]) => `O formato do campo ${f} é inválido.`],
  [/^Authentication token lacks the scope (.+)$/, ([s]) => `O token não tem o escopo ${s}.`],
  [/^An agent may have at most (\d+) webhooks\.$/, ([n]) => `Um agente pode ter no máximo ${n} webhooks.`],
  [
    /^An environment may have at most (\d+) webhooks of its own\.$/,
    ([n]) => `Um ambiente pode ter no máximo ${n} webhooks próprios.`,
  ],
  [/^A campaign may have at most (\d+) webhooks\.$/, ([n]) => `Uma campanha pode ter no máximo ${n} webhooks.`],
  [/^Webhook test failed: (.+)$/, ([cause]) => `O teste falhou: ${translateServerText(cause ?? '')}`],
]

const sentences: Record<string, string> = {
  'The given data was invalid.': 'Há campos inválidos.',
  'Invalid or missing authentication token': 'Token inválido ou ausente.',
  'Authentication token has expired': 'O token expirou.',
  'Missing Bearer Token': 'Falta o token.',
  'Agent not found in this environment.': 'Agente não encontrado neste ambiente.',
  'Campaign not found in this environment.': 'Campanha não encontrada neste ambiente.',
  'Webhook not found.': 'Webhook não encontrado.',
  'Log not found.': 'Registro não encontrado.',
  'Event not found.': 'Evento não encontrado.',
  'Environment not found.': 'Ambiente não encontrado.',
  'Bulk retry not found.': 'Reenvio em massa não encontrado.',
  'This bulk retry has ended.': 'Este reenvio em massa já terminou.',
  'This webhook has an open bulk retry already.': 'Este webhook já tem um reenvio em massa em aberto.',
  'The webhook is disabled. Enable it first.': 'O webhook está desativado. Ative-o primeiro.',
  'Requests from other origins are refused.': 'Requisições de outras origens são recusadas.',
  'Not found.': 'Não encontrado.',
  'Log cannot be retried': 'Este registro não pode ser reenviado.',
  'Internal server error': 'Erro interno do servidor.',
  'Rate limit exceeded. Please wait before making more requests.': 'Limite de requisições excedido. Aguarde um pouco.',
  'The store is unavailable. The request may have been carried out or not; retry it with the same Idempotency-Key.':
    'O armazenamento está indisponível. Não se sabe se a requisição foi executada; tente de novo com a mesma Idempotency-Key.',
  'Webhook is disabled': 'O webhook está desativado',
  'Connection timeout': 'Tempo de conexão esgotado',
  'Connection refused': 'Conexão recusada',
  'Connection reset': 'Conexão interrompida',
  'Connection closed': 'Conexão encerrada',
  'Connection failed': 'Falha na conexão',
  'Proxy failure': 'Falha no proxy',
  'Invalid response': 'Resposta inválida',
  'Host unreachable': 'Destino inalcançável',
  'DNS failure': 'Falha de DNS',
  'TLS failure': 'Falha de TLS',
  'Blocked address': 'Endereço bloqueado',
}

export function translateServerText(text: string): string {
  const known = sentences[text]
  if (known) return known
  for (const [pattern, say] of validation) {
    const match = pattern.exec(text)
    if (match) {
      const [, first = '', ...rest] = match
      return say([text.startsWith('Webhook test') ? first : field(first), ...rest])
    }
  }
  return text
}
