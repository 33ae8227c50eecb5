package main

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// component is the name of what a reference is to; empty when it is none.
func component(reference string) string {
	if reference == "" {
		return ""
	}
	return path.Base(reference)
}

// cell is a text that fits a cell of a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}

// kind says of what type a value is, with its bounds; a named schema is a link to it.
func kind(s *openapi3.SchemaRef) string {
	if s == nil || s.Value == nil {
		return ""
	}
	if name := component(s.Ref); name != "" {
		return fmt.Sprintf("[%s](schemas.md#%s)", name, strings.ToLower(name))
	}
	v := s.Value
	switch {
	case len(v.OneOf) > 0:
		return kinds(v.OneOf)
	case len(v.AnyOf) > 0:
		return kinds(v.AnyOf)
	case len(v.AllOf) == 1:
		return kind(v.AllOf[0])
	case v.Const != nil:
		return fmt.Sprintf("`%v`", v.Const)
	case len(v.Enum) > 0:
		return enumeration(v.Enum)
	case v.Items != nil:
		return "array of " + kind(v.Items)
	}
	name := "object"
	if v.Type != nil {
		name = strings.Join(v.Type.Slice(), " or ")
	}
	if v.Format != "" {
		name += " (" + v.Format + ")"
	}
	return name + bounds(v)
}

func kinds(all openapi3.SchemaRefs) string {
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = kind(s)
	}
	return strings.Join(names, " or ")
}

func enumeration(values []any) string {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = fmt.Sprintf("`%v`", v)
	}
	return strings.Join(names, ", ")
}

func bounds(v *openapi3.Schema) string {
	switch {
	case v.Min != nil && v.Max != nil:
		return fmt.Sprintf(", %v to %v", *v.Min, *v.Max)
	case v.Min != nil:
		return fmt.Sprintf(", at least %v", *v.Min)
	case v.MaxLength != nil:
		return fmt.Sprintf(", at most %d characters", *v.MaxLength)
	default:
		return ""
	}
}

// schemasPage describes the named schemas.
func schemasPage(d *openapi3.T) string {
	var b strings.Builder
	b.WriteString(generated + "# Schemas\n\nThe bodies of requests and answers, by name.\n")
	for _, name := range slices.Sorted(maps.Keys(d.Components.Schemas)) {
		s := d.Components.Schemas[name].Value
		fmt.Fprintf(&b, "\n## %s\n\n", name)
		if s.Description != "" {
			b.WriteString(strings.TrimSpace(s.Description) + "\n\n")
		}
		properties, required := members(s)
		if len(properties) == 0 {
			b.WriteString("Type: " + kind(&openapi3.SchemaRef{Value: s}) + "\n")
			continue
		}
		b.WriteString("| field | type | |\n|---|---|---|\n")
		for _, field := range slices.Sorted(maps.Keys(properties)) {
			property := properties[field]
			text := property.Value.Description
			if required[field] {
				text = "**Always there.** " + text
			}
			if property.Value.Default != nil {
				text += fmt.Sprintf(" Default: `%v`.", property.Value.Default)
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", field, kind(property), cell(text))
		}
	}
	return b.String()
}

// members are the fields of an object, those of the schemas that it is made of included, and which of them it must have.
func members(s *openapi3.Schema) (openapi3.Schemas, map[string]bool) {
	properties, required := maps.Clone(s.Properties), make(map[string]bool)
	if properties == nil {
		properties = make(openapi3.Schemas)
	}
	for _, part := range s.AllOf {
		more, needed := members(part.Value)
		for name, property := range more {
			if properties[name] == nil {
				properties[name] = property
			}
		}
		maps.Copy(required, needed)
	}
	for _, name := range s.Required {
		required[name] = true
	}
	return properties, required
}
