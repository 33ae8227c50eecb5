package carteiro

// webhookOverhead is the size of a webhook without its texts, in bytes, including allocation headers.
const webhookOverhead = 1 << 10

// textOverhead is what each text of a list takes besides its characters, in bytes.
const textOverhead = 48

// Size returns about how much memory the webhook takes, in bytes.
func (w *Webhook) Size() int {
	size := webhookOverhead + len(w.Name) + len(w.URL) + len(w.Secret) + len(w.HTTPMethod) + len(w.AuthorizationScheme) + len(w.AuthorizationValue) +
		len(w.LastError) + len(w.SignatureScheme) + len(w.HeaderStyle) + len(w.DisabledBy)
	for _, event := range w.Events {
		size += textOverhead + len(event)
	}
	for i := range w.FormerSecrets {
		size += 2*textOverhead + len(w.FormerSecrets[i].Secret)
	}
	for i := range w.CustomHeaders {
		size += 2*textOverhead + len(w.CustomHeaders[i].Key) + len(w.CustomHeaders[i].Value)
	}
	for event, template := range w.PayloadTemplates {
		size += 4*textOverhead + len(event) + len(template)
	}
	return size
}
