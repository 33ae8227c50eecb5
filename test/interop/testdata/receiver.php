<?php // A receiver for PHP's own server.
$body = json_decode(file_get_contents('php://input'), true);
if (!isset($body['n'])) { http_response_code(400); exit; }
$hit = $_SERVER['HTTP_WEBHOOK_ID'] . ' ' . $_SERVER['REQUEST_URI'];
file_put_contents('php://stderr', "HIT $hit\n");
header('Content-Type: text/plain');
echo $hit;
