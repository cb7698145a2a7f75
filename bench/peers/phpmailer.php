<?php
// PHPMailer with SMTPKeepAlive and TCP_NODELAY in eight processes: phpmailer.php PORT FOLDER

require '/usr/share/php/libphp-phpmailer/autoload.php';

use PHPMailer\PHPMailer\PHPMailer;

const PROCESSES = 8;

function fill(string $form, array $row, bool $html): string
{
    $pairs = [];
    foreach ($row as $cell => $value) {
        $pairs["[$cell]"] = $html ? htmlspecialchars($value, ENT_QUOTES) : $value;
    }
    return strtr($form, $pairs);
}

function send(int $port, string $folder, int $shard): void
{
    $forms = [];
    foreach (['pro', 'other'] as $plan) {
        foreach (['subject', 'text', 'html'] as $part) {
            $forms[$plan][$part] = file_get_contents("$folder/$part.$plan");
        }
    }
    $mail = new PHPMailer(true);
    $mail->isSMTP();
    $mail->Host = '127.0.0.1';
    $mail->Port = $port;
    $mail->SMTPAutoTLS = false;
    $mail->SMTPKeepAlive = true;
    $mail->SMTPOptions = ['socket' => ['tcp_nodelay' => true]];
    $mail->CharSet = PHPMailer::CHARSET_UTF8;
    $mail->setFrom('news@example.com', 'Example');
    $mail->isHTML(true);
    $list = fopen("$folder/list.csv", 'r');
    $columns = fgetcsv($list);
    for ($number = 0; ($cells = fgetcsv($list)) !== false; $number++) {
        if ($number % PROCESSES !== $shard) {
            continue;
        }
        $row = array_combine($columns, $cells);
        $form = $forms[$row['plan'] === 'pro' ? 'pro' : 'other'];
        $mail->clearAddresses();
        $mail->addAddress($row['email'], "{$row['first_name']} {$row['last_name']}");
        $mail->Subject = fill($form['subject'], $row, false);
        $mail->Body = fill($form['html'], $row, true);
        $mail->AltBody = fill($form['text'], $row, false);
        $mail->send();
    }
    $mail->smtpClose();
}

[, $port, $folder] = $argv;
$children = [];
for ($shard = 0; $shard < PROCESSES; $shard++) {
    $pid = pcntl_fork();
    if ($pid === 0) {
        send((int) $port, $folder, $shard);
        exit(0);
    }
    $children[] = $pid;
}
$failed = 0;
foreach ($children as $pid) {
    pcntl_waitpid($pid, $status);
    $failed |= pcntl_wexitstatus($status);
}
exit($failed);
