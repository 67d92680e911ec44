// KServe's own reading of its configuration, for tests that compare ours with it.
//
// Reads one question a line, {"what": ..., "text": ...}, and writes one answer a line.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"
	"text/template"

	"github.com/kserve/kserve/pkg/apis/serving/v1beta1"
	corev1 "k8s.io/api/core/v1"
)

type question struct {
	What string `json:"what"`
	Text string `json:"text"`
}

type answer struct {
	Error string `json:"error,omitempty"`
	Panic string `json:"panic,omitempty"`
	Value any    `json:"value,omitempty"`
}

func main() {
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	answers := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(answers)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var asked question
		if err := json.Unmarshal(line, &asked); err != nil {
			log.Fatalf("no question: %v", err)
		}
		if err := encoder.Encode(reply(asked)); err != nil {
			log.Fatal(err)
		}
		if err := answers.Flush(); err != nil {
			log.Fatal(err)
		}
	}
}

func reply(asked question) (told answer) {
	defer func() {
		if what := recover(); what != nil {
			told = answer{Panic: fmt.Sprint(what)}
		}
	}()
	value, err := ask(asked)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Value: value}
}

func ask(asked question) (any, error) {
	configMap := &corev1.ConfigMap{Data: map[string]string{asked.What: asked.Text}}
	switch asked.What {
	case "ingress":
		return v1beta1.NewIngressConfig(configMap)
	case "deploy":
		return v1beta1.NewDeployConfig(configMap)
	case "explainers", "inferenceService":
		_, err := v1beta1.NewInferenceServicesConfig(configMap)
		return true, err
	case "template":
		// How NewIngressConfig reads pathTemplate, and how GenerateUrlPath fills it in.
		path, err := template.New("path-template").Parse(asked.Text)
		if err != nil {
			return nil, err
		}
		var rendered strings.Builder
		values := struct{ Name, Namespace string }{"model", "models"}
		if err := path.Execute(&rendered, values); err != nil {
			return map[string]any{"fails": err.Error()}, nil
		}
		return map[string]any{"rendered": rendered.String()}, nil
	}
	log.Fatalf("nobody knows %q", asked.What)
	return nil, nil
}
