package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// client asks the server as the real provider does: at the first call it looks its token up, makes a child that lives
// for twenty minutes, and asks for the version.
type client struct {
	address, token, namespace string

	begin sync.Once
	began error
}

// answer is what came back: data is empty when there was none.
type answer struct {
	status  int
	data    map[string]any
	leaseID string
}

func (c *client) start() error {
	if _, err := c.send("GET", "auth/token/lookup-self", nil, c.namespace, c.token); err != nil {
		return err
	}
	child := map[string]any{
		"ttl": "1200s", "explicit_max_ttl": "1200s", "display_name": "terraform", "renewable": false,
		"num_uses": 0, "type": "", "entity_alias": "",
	}
	body, err := c.send("POST", "auth/token/create", child, c.namespace, c.token)
	if err != nil {
		return fmt.Errorf("failed to create limited child token: %w", err)
	}
	auth, _ := body["auth"].(map[string]any)
	token, _ := auth["client_token"].(string)
	if token == "" {
		return fmt.Errorf("failed to create limited child token: no token in the answer")
	}
	c.token = token
	_, err = c.send("GET", "sys/seal-status", nil, "", c.token)
	return err
}

// call asks for a path in a namespace below the provider's own.
func (c *client) call(method, path string, data any, namespace string) (answer, error) {
	c.begin.Do(func() { c.began = c.start() })
	if c.began != nil {
		return answer{}, c.began
	}
	within := strings.Trim(c.namespace+"/"+namespace, "/")
	body, err := c.send(method, path, data, within, c.token)
	if refused, is := err.(refusal); is && refused.status == http.StatusNotFound {
		return answer{status: http.StatusNotFound}, nil
	}
	if err != nil {
		return answer{}, err
	}
	inner, _ := body["data"].(map[string]any)
	lease, _ := body["lease_id"].(string)
	return answer{status: http.StatusOK, data: inner, leaseID: lease}, nil
}

// refusal is an answer of the server that is none of success.
type refusal struct {
	status int
	text   string
}

func (r refusal) Error() string {
	return fmt.Sprintf("Error making API request. Code: %d. %s", r.status, r.text)
}

func (c *client) send(method, path string, data any, namespace, token string) (map[string]any, error) {
	var body io.Reader
	if data != nil {
		text, err := json.Marshal(data)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, c.address+"/v1/"+strings.TrimLeft(path, "/"), body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("X-Vault-Request", "true")
	request.Header.Set("X-Vault-Token", token)
	if namespace != "" {
		request.Header.Set("X-Vault-Namespace", namespace)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= 300 {
		return nil, refusal{response.StatusCode, string(text)}
	}
	answered := map[string]any{}
	if len(bytes.TrimSpace(text)) > 0 {
		err = json.Unmarshal(text, &answered)
	}
	return answered, err
}
